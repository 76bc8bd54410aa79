// expect: api conditional node
// Without cudaGraphCondAssignDefault the condition has no value before a kernel sets it.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void halve(float* x, float limit, cudaGraphConditionalHandle more) {
  x[0] *= 0.5f;
  cudaGraphSetConditional(more, x[0] > limit ? 1 : 0);
}

int main() {
  float *x, start = 100.0f;
  cudaMalloc(&x, sizeof(float));
  cudaMemcpy(x, &start, sizeof start, cudaMemcpyHostToDevice);
  cudaGraph_t graph;
  cudaGraphCreate(&graph, 0);
  cudaGraphConditionalHandle more;
  cudaGraphConditionalHandleCreate(&more, graph, 1, 0);
  cudaGraphNodeParams params = {};
  params.type = cudaGraphNodeTypeConditional;
  params.conditional.handle = more;
  params.conditional.type = cudaGraphCondTypeWhile;
  params.conditional.size = 1;
  cudaGraphNode_t loop;
  cudaGraphAddNode(&loop, graph, nullptr, nullptr, 0, &params);
  cudaGraph_t body = params.conditional.phGraph_out[0];
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaStreamBeginCaptureToGraph(stream, body, nullptr, nullptr, 0, cudaStreamCaptureModeGlobal);
  halve<<<1, 1, 0, stream>>>(x, 1.0f, more);
  cudaStreamEndCapture(stream, &body);
  cudaGraphExec_t executable;
  cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphLaunch(executable, stream);
  cudaStreamSynchronize(stream);
  float value;
  cudaMemcpy(&value, x, sizeof value, cudaMemcpyDeviceToHost);
  std::printf("%g\n", value);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  cudaFree(x);
  return value == 0.78125f ? 0 : 1;
}
