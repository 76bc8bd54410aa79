// expect: api cudaErrorCapturedEvent
// An event that was recorded in a capture marks a node, which the host cannot ask about.
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
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaEvent_t done;
  cudaEventCreate(&done);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  fill<<<1, 256, 0, stream>>>(x, 1.0f, 256);
  cudaEventRecord(done, stream);
  if (cudaEventQuery(done) == cudaSuccess) std::printf("done already\n");
  cudaGraph_t graph;
  cudaStreamEndCapture(stream, &graph);
  cudaEventDestroy(done);
  cudaStreamDestroy(stream);
  cudaFree(x);
}
