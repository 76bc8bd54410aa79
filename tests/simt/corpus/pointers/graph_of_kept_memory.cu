// expect: nothing
// The memory of a recorded kernel is freed after the last launch of its graph.
#include <cstdio>

__global__ void twice(float* x) { x[threadIdx.x] *= 2; }

int main() {
  float* x;
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaMalloc(&x, 256 * sizeof(float));
  cudaMemset(x, 0, 256 * sizeof(float));
  cudaDeviceSynchronize();
  cudaGraph_t graph;
  cudaGraphExec_t runs;
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  twice<<<1, 256, 0, stream>>>(x);
  cudaStreamEndCapture(stream, &graph);
  cudaGraphInstantiate(&runs, graph, 0);
  cudaGraphLaunch(runs, stream);
  cudaStreamSynchronize(stream);
  cudaGraphLaunch(runs, stream);
  std::printf("%s\n", cudaGetErrorString(cudaStreamSynchronize(stream)));
  cudaFree(x);
  cudaGraphExecDestroy(runs);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  return 0;
}
