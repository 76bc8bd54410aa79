// expect: nothing
// CUDA runs the launches of one executable one after the other, even if they are on different streams.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void add(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += x[i];
}
__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  const int n = 256;
  float *x, *sum;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&sum, n * sizeof(float));
  fill<<<1, n>>>(x, 1.0f, n);
  fill<<<1, n>>>(sum, 0.0f, n);
  cudaDeviceSynchronize();
  cudaStream_t streams[2];
  for (auto& stream : streams) cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaStreamBeginCapture(streams[0], cudaStreamCaptureModeGlobal);
  add<<<1, n, 0, streams[0]>>>(x, sum, n);
  cudaGraph_t graph;
  cudaStreamEndCapture(streams[0], &graph);
  cudaGraphExec_t executable;
  cudaGraphInstantiate(&executable, graph, 0);
  for (int i = 0; i < 4; ++i) cudaGraphLaunch(executable, streams[i % 2]);
  cudaDeviceSynchronize();
  float value;
  cudaMemcpy(&value, sum, sizeof value, cudaMemcpyDeviceToHost);
  std::printf("%g\n", value);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  for (auto& stream : streams) cudaStreamDestroy(stream);
  cudaFree(x);
  cudaFree(sum);
  return value == 4.0f ? 0 : 1;
}
