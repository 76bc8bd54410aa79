// expect: api cudaErrorGraphExecUpdateFailure
// cudaGraphExecUpdate changes parameters, not the number of nodes.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

cudaGraph_t capture(cudaStream_t stream, float* x, int kernels) {
  cudaGraph_t graph;
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
  for (int i = 0; i < kernels; ++i) fill<<<1, 256, 0, stream>>>(x, float(i), 256);
  cudaStreamEndCapture(stream, &graph);
  return graph;
}

int main() {
  float* x;
  cudaMalloc(&x, 256 * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaGraph_t first = capture(stream, x, 2), second = capture(stream, x, 3);
  cudaGraphExec_t executable;
  cudaGraphInstantiate(&executable, first, 0);
  cudaGraphExecUpdateResultInfo info;
  cudaGraphExecUpdate(executable, second, &info);
  cudaGraphLaunch(executable, stream);
  cudaStreamSynchronize(stream);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(first);
  cudaGraphDestroy(second);
  cudaStreamDestroy(stream);
  cudaFree(x);
}
