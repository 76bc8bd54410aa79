// Implements graphs that are made by hand: nodes, edges, clones.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "graphs/graph.h"

namespace simt {
namespace {

std::set<cudaGraph_t>& graphs() {
  static auto* const instance = new std::set<cudaGraph_t>;
  return *instance;
}
std::set<cudaGraphNode_t>& handles() {
  static auto* const instance = new std::set<cudaGraphNode_t>;
  return *instance;
}

// Adds the node behind those in `after`.
cudaError_t add(cudaGraphNode_t* out, cudaGraph_t graph, const cudaGraphNode_t* after, std::size_t count,
                Node node) {
  if (out == nullptr || !is_graph(graph) || (count > 0 && after == nullptr)) return cudaErrorInvalidValue;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t number = number_of(*graph, after[i]);
    if (number == 0) return cudaErrorInvalidValue;
    node.after.push_back(number);
  }
  *out = add_node(*graph, std::move(node)).handle;
  return cudaSuccess;
}

}  // namespace

Node* find_node(cudaGraphNode_t handle) {
  if (!handles().contains(handle) || handle->graph == nullptr) return nullptr;
  return &handle->graph->nodes[number_of(*handle->graph, handle) - 1];
}

cudaError_t kernel_node(const cudaKernelNodeParams* p, Node& node) {
  if (p == nullptr || p->func == nullptr) return cudaErrorInvalidValue;
  auto body = bind_arguments(p->func, p->kernelParams);
  if (!body) return cudaErrorInvalidDeviceFunction;
  Grid grid;
  const cudaLaunchConfig_t config{p->gridDim, p->blockDim, p->sharedMemBytes, nullptr, nullptr, 0};
  const cudaError_t error = prepare_launch(config, p->func, std::move(body), grid, node.piece);
  node.type = cudaGraphNodeTypeKernel;
  node.kernel = p->func;
  node.params = *p;
  node.work = [grid = std::move(grid)] {
    log_kernel(grid.kernel);
    run_grid(grid);
  };
  return error;
}

cudaError_t copy_node(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, Node& node) {
  Details details;
  const cudaError_t error = prepare_copy(to, from, bytes, kind, node.work, node.piece, details);
  node.type = cudaGraphNodeTypeMemcpy;
  node.pinned = std::move(details.pinned);
  return error;
}

namespace {

// Copies a box of bytes row by row.
cudaError_t box_node(const cudaMemcpy3DParms* p, Node& node) {
  if (p == nullptr || p->srcArray != nullptr || p->dstArray != nullptr) return cudaErrorInvalidValue;
  std::vector<std::function<void()>> rows;
  Node row;
  const auto at = [](const cudaPitchedPtr& s, const cudaPos& o, std::size_t y, std::size_t z) {
    return static_cast<char*>(s.ptr) + ((o.z + z) * s.ysize + o.y + y) * s.pitch + o.x;
  };
  for (std::size_t z = 0; z < p->extent.depth; ++z)
    for (std::size_t y = 0; y < p->extent.height; ++y) {
      const cudaError_t error = copy_node(at(p->dstPtr, p->dstPos, y, z), at(p->srcPtr, p->srcPos, y, z),
                                          p->extent.width, p->kind, row);
      if (error != cudaSuccess) return error;
      rows.push_back(std::move(row.work));
      node.pinned.insert(node.pinned.end(), row.pinned.begin(), row.pinned.end());
    }
  node.type = cudaGraphNodeTypeMemcpy;
  node.piece = row.piece;
  node.piece.bytes *= double(rows.size());
  node.work = [rows = std::move(rows)] {
    for (const auto& each : rows) each();
  };
  return cudaSuccess;
}

}  // namespace

cudaError_t fill_node(const cudaMemsetParams* p, Node& node) {
  if (p == nullptr || (p->elementSize != 1 && p->elementSize != 2 && p->elementSize != 4))
    return cudaErrorInvalidValue;
  std::vector<std::function<void()>> rows;
  const auto bytes = std::bit_cast<std::array<unsigned char, 4>>(p->value);
  const bool even = p->elementSize == 1 || p->value == bytes[0] * (p->elementSize == 2 ? 0x101u : 0x1010101u);
  for (std::size_t y = 0; y < std::max<std::size_t>(p->height, 1); ++y) {
    std::function<void()> work;
    char* const to = static_cast<char*>(p->dst) + y * p->pitch;
    const std::size_t size = p->width * p->elementSize;
    if (const auto error = prepare_fill(to, bytes[0], size, work, node.piece); error != cudaSuccess)
      return error;
    if (!even)
      work = [work, to, size, bytes, unit = p->elementSize] {
        work();
        for (std::size_t i = 0; i < size; i += unit) std::memcpy(to + i, bytes.data(), unit);
      };
    rows.push_back(std::move(work));
  }
  node.type = cudaGraphNodeTypeMemset;
  node.work = [rows = std::move(rows)] {
    for (const auto& each : rows) each();
  };
  return cudaSuccess;
}

cudaError_t host_node(const cudaHostNodeParams* p, Node& node) {
  if (p == nullptr || p->fn == nullptr) return cudaErrorInvalidValue;
  node.type = cudaGraphNodeTypeHost;
  node.work = [p = *p] { call_host([&p] { p.fn(p.userData); }); };
  return cudaSuccess;
}

namespace {

cudaError_t conditional_node(cudaConditionalNodeParams& p, cudaGraph_t graph, Node& node) {
  if (!is_condition(p.handle)) return cudaErrorInvalidValue;
  auto* const condition = reinterpret_cast<Condition*>(p.handle);
  const bool fits = p.type == cudaGraphCondTypeWhile ? p.size == 1
                    : p.type == cudaGraphCondTypeIf  ? p.size == 1 || p.size == 2
                                                     : p.size > 0;
  if (!fits || condition->used || condition->graph != graph) return cudaErrorInvalidValue;
  condition->used = true;
  node.type = cudaGraphNodeTypeConditional;
  node.condition = condition;
  node.branches = p.type;
  node.piece = {.kind = Piece::Kind::condition, .name = "condition"};
  node.work = [] {};
  for (unsigned i = 0; i < p.size; ++i) {
    node.bodies.push_back(new_graph());
    node.bodies.back()->parent = graph;
  }
  p.phGraph_out = new cudaGraph_t[p.size];  // belongs to the node, which is never deleted
  std::copy(node.bodies.begin(), node.bodies.end(), p.phGraph_out);
  return cudaSuccess;
}

cudaError_t make_node(cudaGraphNodeParams& p, cudaGraph_t graph, Node& node) {
  switch (p.type) {
    case cudaGraphNodeTypeKernel:
      return kernel_node(&p.kernel, node);
    case cudaGraphNodeTypeMemcpy:
      return box_node(&p.memcpy.copyParams, node);
    case cudaGraphNodeTypeMemset:
      return fill_node(&p.memset, node);
    case cudaGraphNodeTypeHost:
      return host_node(&p.host, node);
    case cudaGraphNodeTypeConditional:
      return conditional_node(p.conditional, graph, node);
    case cudaGraphNodeTypeGraph:
      if (!is_graph(p.graph.graph)) return cudaErrorInvalidValue;
      node.type = cudaGraphNodeTypeGraph;
      node.bodies = {clone_graph(*p.graph.graph)};
      node.work = [] {};
      return cudaSuccess;
    case cudaGraphNodeTypeEmpty:
      node.work = [] {};
      return cudaSuccess;
    default:
      return cudaErrorNotSupported;
  }
}

cudaError_t change_edges(cudaGraph_t graph, const cudaGraphNode_t* from, const cudaGraphNode_t* to,
                         std::size_t count, bool add) {
  if (!is_graph(graph)) return cudaErrorInvalidValue;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = number_of(*graph, from[i]), second = number_of(*graph, to[i]);
    if (first == 0 || second == 0 || first == second) return cudaErrorInvalidValue;
    auto& after = graph->nodes[second - 1].after;
    const auto found = std::find(after.begin(), after.end(), first);
    if ((found == after.end()) != add) return cudaErrorInvalidValue;
    if (add)
      after.push_back(first);
    else
      after.erase(found);
  }
  return cudaSuccess;
}

template <class Wanted>
cudaError_t list(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count, Wanted wanted) {
  if (!is_graph(graph) || count == nullptr) return cudaErrorInvalidValue;
  std::size_t found = 0;
  for (const Node& node : graph->nodes) {
    if (!wanted(node)) continue;
    if (nodes != nullptr && found < *count) nodes[found] = node.handle;
    ++found;
  }
  *count = nodes == nullptr ? found : std::min(found, *count);
  return cudaSuccess;
}

}  // namespace

bool is_graph(cudaGraph_t graph) { return graphs().contains(graph); }

cudaGraph_t new_graph() { return *graphs().insert(new CUgraph_st).first; }

// The handles stay, so that no later one has their address.
void delete_graph(cudaGraph_t graph) {
  for (Node& node : graph->nodes) {
    node.handle->graph = nullptr;
    for (const cudaGraph_t body : node.bodies) delete_graph(body);
  }
  graph->nodes.clear();
  graphs().erase(graph);
}

Node& add_node(CUgraph_st& graph, Node node) {
  node.handle = *handles().insert(new CUgraphNode_st{&graph}).first;
  graph.nodes.push_back(std::move(node));
  return graph.nodes.back();
}

std::size_t number_of(const CUgraph_st& graph, cudaGraphNode_t node) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].handle == node) return i + 1;
  return 0;
}

cudaGraph_t clone_graph(const CUgraph_st& graph) {
  const cudaGraph_t clone = new_graph();
  for (Node node : graph.nodes) {
    for (cudaGraph_t& body : node.bodies) body = clone_graph(*body);
    add_node(*clone, std::move(node));
  }
  return clone;
}

}  // namespace simt

using namespace simt;

cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned flags) {
  const std::lock_guard lock(runtime_mutex());
  if (graph == nullptr || flags != 0) return result(cudaErrorInvalidValue);
  *graph = new_graph();
  return result(cudaSuccess);
}
cudaError_t cudaGraphClone(cudaGraph_t* clone, cudaGraph_t graph) {
  const std::lock_guard lock(runtime_mutex());
  if (clone == nullptr || !is_graph(graph)) return result(cudaErrorInvalidValue);
  *clone = clone_graph(*graph);
  return result(cudaSuccess);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_graph(graph)) return refuse(cudaErrorInvalidValue, "the graph does not exist, or was destroyed");
  if (graph->parent != nullptr)
    return refuse(cudaErrorInvalidValue, "the body of a conditional node belongs to it");
  delete_graph(graph);
  return result(cudaSuccess);
}

cudaError_t cudaGraphAddNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* after,
                             const cudaGraphEdgeData*, std::size_t count, cudaGraphNodeParams* params) {
  const std::lock_guard lock(runtime_mutex());
  if (params == nullptr || !is_graph(graph)) return result(cudaErrorInvalidValue);
  Node made;
  if (const cudaError_t error = make_node(*params, graph, made); error != cudaSuccess) return result(error);
  return result(add(node, graph, after, count, std::move(made)));
}

#define SIMT_ADD_NODE(name, Params, make)                                                         \
  cudaError_t name(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* after,        \
                   std::size_t count, Params params) {                                            \
    const std::lock_guard lock(runtime_mutex());                                                  \
    Node made;                                                                                    \
    if (const cudaError_t error = make(params, made); error != cudaSuccess) return result(error); \
    return result(add(node, graph, after, count, std::move(made)));                               \
  }
SIMT_ADD_NODE(cudaGraphAddKernelNode, const cudaKernelNodeParams*, kernel_node)
SIMT_ADD_NODE(cudaGraphAddMemcpyNode, const cudaMemcpy3DParms*, box_node)
SIMT_ADD_NODE(cudaGraphAddMemsetNode, const cudaMemsetParams*, fill_node)
SIMT_ADD_NODE(cudaGraphAddHostNode, const cudaHostNodeParams*, host_node)
#undef SIMT_ADD_NODE

cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* after,
                                     std::size_t count, void* to, const void* from, std::size_t bytes,
                                     cudaMemcpyKind kind) {
  const std::lock_guard lock(runtime_mutex());
  Node made;
  if (const auto error = copy_node(to, from, bytes, kind, made); error != cudaSuccess) return result(error);
  return result(add(node, graph, after, count, std::move(made)));
}
cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* after,
                                  std::size_t count) {
  const std::lock_guard lock(runtime_mutex());
  return result(add(node, graph, after, count, {.after = {}, .work = [] {}}));
}
cudaError_t cudaGraphAddChildGraphNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* after,
                                       std::size_t count, cudaGraph_t child) {
  cudaGraphNodeParams params = {};
  params.type = cudaGraphNodeTypeGraph;
  params.graph.graph = child;
  return cudaGraphAddNode(node, graph, after, nullptr, count, &params);
}

cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t* from,
                                     const cudaGraphNode_t* to, const cudaGraphEdgeData*, std::size_t count) {
  const std::lock_guard lock(runtime_mutex());
  return result(change_edges(graph, from, to, count, true));
}
cudaError_t cudaGraphRemoveDependencies(cudaGraph_t graph, const cudaGraphNode_t* from,
                                        const cudaGraphNode_t* to, const cudaGraphEdgeData*,
                                        std::size_t count) {
  const std::lock_guard lock(runtime_mutex());
  return result(change_edges(graph, from, to, count, false));
}

cudaError_t cudaGraphDestroyNode(cudaGraphNode_t handle) {
  const std::lock_guard lock(runtime_mutex());
  if (find_node(handle) == nullptr) return result(cudaErrorInvalidValue);
  auto& nodes = handle->graph->nodes;
  const std::size_t gone = number_of(*handle->graph, handle);
  nodes.erase(nodes.begin() + std::ptrdiff_t(gone - 1));
  for (Node& node : nodes) {
    std::erase(node.after, gone);
    for (std::size_t& a : node.after) a -= a > gone;
  }
  handle->graph = nullptr;
  return result(cudaSuccess);
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  const std::lock_guard lock(runtime_mutex());
  return result(list(graph, nodes, count, [](const Node&) { return true; }));
}
cudaError_t cudaGraphGetRootNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  const std::lock_guard lock(runtime_mutex());
  return result(list(graph, nodes, count, [](const Node& node) {
    return std::all_of(node.after.begin(), node.after.end(), [](std::size_t a) { return a == 0; });
  }));
}
cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t* from, cudaGraphNode_t* to,
                              cudaGraphEdgeData* edges, std::size_t* count) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_graph(graph) || count == nullptr) return result(cudaErrorInvalidValue);
  std::size_t found = 0;
  for (const Node& node : graph->nodes)
    for (const std::size_t a : node.after) {
      if (a == 0) continue;
      if (from != nullptr && to != nullptr && found < *count) {
        from[found] = graph->nodes[a - 1].handle;
        to[found] = node.handle;
        if (edges != nullptr) edges[found] = {};
      }
      ++found;
    }
  *count = found;
  return result(cudaSuccess);
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t handle, cudaGraphNodeType* type) {
  const std::lock_guard lock(runtime_mutex());
  const Node* const node = find_node(handle);
  if (node == nullptr || type == nullptr) return result(cudaErrorInvalidValue);
  *type = node->type;
  return result(cudaSuccess);
}
