// expect: api cudaErrorStreamCaptureMerge
// A captured stream waits for an event of another capture, which would merge two graphs.
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
  cudaStream_t first, second;
  cudaStreamCreate(&first);
  cudaStreamCreate(&second);
  cudaEvent_t event;
  cudaEventCreate(&event);
  cudaStreamBeginCapture(first, cudaStreamCaptureModeRelaxed);
  cudaStreamBeginCapture(second, cudaStreamCaptureModeRelaxed);
  fill<<<1, 256, 0, first>>>(x, 1.0f, 256);
  cudaEventRecord(event, first);
  cudaStreamWaitEvent(second, event, 0);
  fill<<<1, 256, 0, second>>>(x, 2.0f, 256);
  cudaGraph_t graph;
  cudaStreamEndCapture(second, &graph);
  cudaStreamEndCapture(first, &graph);
  cudaEventDestroy(event);
  cudaStreamDestroy(first);
  cudaStreamDestroy(second);
  cudaFree(x);
}
