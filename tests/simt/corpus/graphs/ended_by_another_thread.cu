// expect: api cudaErrorStreamCaptureWrongThread
// Only the thread that began a capture may end it, unless its mode is relaxed.
#include <cuda_runtime.h>

#include <cstdio>
#include <thread>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  float* x;
  cudaMalloc(&x, 256 * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
  fill<<<1, 256, 0, stream>>>(x, 1.0f, 256);
  cudaGraph_t graph = nullptr;
  std::thread other([&] { cudaStreamEndCapture(stream, &graph); });
  other.join();
  if (graph == nullptr) std::printf("no graph\n");
}
