// Implements changes of nodes, in graphs and in executables.
#include <cstdio>

#include "graphs/graph.h"

namespace simt {
namespace {

// Gives a node of a graph other work.
cudaError_t change(cudaGraphNode_t handle, Node next) {
  Node* const node = find_node(handle);
  if (node == nullptr || node->type != next.type) return cudaErrorInvalidValue;
  next.after = node->after;
  next.handle = handle;
  *node = std::move(next);
  return cudaSuccess;
}

// The kernel of a node of an executable may change, but not its type.
template <class Make>
cudaError_t change_in(cudaGraphExec_t executable, cudaGraphNode_t handle, Make make) {
  const std::lock_guard lock(runtime_mutex());
  Node next;
  if (const cudaError_t error = make(next); error != cudaSuccess) return error;
  return replace_work(executable, handle, std::move(next));
}

}  // namespace
}  // namespace simt

using namespace simt;

cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t handle, cudaKernelNodeParams* params) {
  const std::lock_guard lock(runtime_mutex());
  const Node* const node = find_node(handle);
  if (node == nullptr || node->type != cudaGraphNodeTypeKernel || params == nullptr)
    return result(cudaErrorInvalidValue);
  *params = node->params;
  return result(cudaSuccess);
}
cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t handle, const cudaKernelNodeParams* params) {
  const std::lock_guard lock(runtime_mutex());
  Node next;
  if (const cudaError_t error = kernel_node(params, next); error != cudaSuccess) return result(error);
  return result(change(handle, std::move(next)));
}
cudaError_t cudaGraphMemcpyNodeSetParams1D(cudaGraphNode_t handle, void* to, const void* from,
                                           std::size_t bytes, cudaMemcpyKind kind) {
  const std::lock_guard lock(runtime_mutex());
  Node next;
  if (const cudaError_t error = copy_node(to, from, bytes, kind, next); error != cudaSuccess)
    return result(error);
  return result(change(handle, std::move(next)));
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t executable, cudaGraphNode_t handle,
                                             const cudaKernelNodeParams* params) {
  return result(change_in(executable, handle, [&](Node& next) { return kernel_node(params, next); }));
}
cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t executable, cudaGraphNode_t handle, void* to,
                                               const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return result(
      change_in(executable, handle, [&](Node& next) { return copy_node(to, from, bytes, kind, next); }));
}
cudaError_t cudaGraphExecMemsetNodeSetParams(cudaGraphExec_t executable, cudaGraphNode_t handle,
                                             const cudaMemsetParams* params) {
  return result(change_in(executable, handle, [&](Node& next) { return fill_node(params, next); }));
}
cudaError_t cudaGraphExecHostNodeSetParams(cudaGraphExec_t executable, cudaGraphNode_t handle,
                                           const cudaHostNodeParams* params) {
  return result(change_in(executable, handle, [&](Node& next) { return host_node(params, next); }));
}

cudaError_t cudaGraphChildGraphNodeGetGraph(cudaGraphNode_t handle, cudaGraph_t* graph) {
  const std::lock_guard lock(runtime_mutex());
  const Node* const node = find_node(handle);
  if (node == nullptr || node->type != cudaGraphNodeTypeGraph || graph == nullptr)
    return result(cudaErrorInvalidValue);
  *graph = node->bodies[0];
  return result(cudaSuccess);
}

cudaError_t cudaGraphDebugDotPrint(cudaGraph_t graph, const char* path, unsigned) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_graph(graph) || path == nullptr) return result(cudaErrorInvalidValue);
  std::FILE* const file = std::fopen(path, "w");
  if (file == nullptr) return result(cudaErrorUnknown);
  std::fprintf(file, "digraph graph_1 {\n");
  for (std::size_t i = 0; i < graph->nodes.size(); ++i) {
    std::fprintf(file, "  n%zu [label=\"%s\"];\n", i + 1, graph->nodes[i].piece.name.c_str());
    for (const std::size_t a : graph->nodes[i].after)
      if (a != 0) std::fprintf(file, "  n%zu -> n%zu;\n", a, i + 1);
  }
  std::fprintf(file, "}\n");
  std::fclose(file);
  return result(cudaSuccess);
}
