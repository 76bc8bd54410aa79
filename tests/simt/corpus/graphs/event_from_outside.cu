// expect: api cudaErrorStreamCaptureIsolation
// The event marks work that is not part of the capture, so that no node can wait for it.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  float* x;
  cudaMalloc(&x, 256 * sizeof(float));
  cudaStream_t uploads, compute;
  cudaStreamCreateWithFlags(&uploads, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&compute, cudaStreamNonBlocking);
  cudaEvent_t uploaded;
  cudaEventCreate(&uploaded);
  cudaMemsetAsync(x, 0, 256 * sizeof(float), uploads);
  cudaEventRecord(uploaded, uploads);
  cudaStreamBeginCapture(compute, cudaStreamCaptureModeGlobal);
  cudaStreamWaitEvent(compute, uploaded, 0);
  fill<<<1, 256, 0, compute>>>(x, 1.0f, 256);
  cudaGraph_t graph;
  if (cudaStreamEndCapture(compute, &graph) != cudaSuccess) std::printf("no graph\n");
  cudaDeviceSynchronize();
  cudaEventDestroy(uploaded);
  cudaStreamDestroy(uploads);
  cudaStreamDestroy(compute);
  cudaFree(x);
}
