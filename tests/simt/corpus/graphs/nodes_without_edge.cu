// expect: race data race
// Nothing orders the node that fills x and the node that reads it.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}
__global__ void add(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += x[i];
}

cudaGraphNode_t kernel_node(cudaGraph_t graph, void* kernel, void** args, cudaGraphNode_t after = nullptr) {
  cudaKernelNodeParams params = {};
  params.func = kernel;
  params.gridDim = dim3(2);
  params.blockDim = dim3(256);
  params.kernelParams = args;
  cudaGraphNode_t node;
  cudaGraphAddKernelNode(&node, graph, &after, after != nullptr ? 1 : 0, &params);
  return node;
}

int main() {
  int n = 512;
  float value = 1.0f, *x, *y;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&y, n * sizeof(float));
  cudaMemset(x, 0, n * sizeof(float));
  cudaMemset(y, 0, n * sizeof(float));
  cudaDeviceSynchronize();
  cudaGraph_t graph;
  cudaGraphCreate(&graph, 0);
  void* fill_args[] = {&x, &value, &n};
  void* add_args[] = {&x, &y, &n};
  cudaGraphNode_t first = kernel_node(graph, (void*)fill, fill_args);
  cudaGraphNode_t second = kernel_node(graph, (void*)add, add_args);
  // There is no edge between the two.
  size_t nodes = 0;
  cudaGraphGetNodes(graph, nullptr, &nodes);
  cudaGraphExec_t executable;
  cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphLaunch(executable, nullptr);
  cudaDeviceSynchronize();
  float sum;
  cudaMemcpy(&sum, y, sizeof sum, cudaMemcpyDeviceToHost);
  std::printf("%zu nodes, %g, %d\n", nodes, sum, first != second);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaFree(x);
  cudaFree(y);
}
