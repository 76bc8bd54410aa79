// Implements executables of graphs: instantiation, launches, updates.
#include <algorithm>

#include "graphs/graph.h"
#include "report/trace_notes.h"
#include "runtime/pinned.h"

struct CUgraphExec_st {
  std::shared_ptr<simt::Program> program;  // outlives the handle while a launch is queued
  simt::TaskId last = 0;                   // launch: CUDA runs one after the other, on any streams
  simt::order::Clock clock{};              // after it
};

namespace simt {
namespace {

// Is never destroyed, as streams are not.
struct Executables {
  std::set<cudaGraphExec_t> live;
  Random random;
};
Executables& executables() {
  static Executables* const instance = new Executables;
  return *instance;
}

Chains chains_of(const std::vector<Node>& nodes) {
  Chains chains;
  std::vector<bool> continued(nodes.size() + 1, false);
  bool conditional = false;
  for (const Node& node : nodes) {
    conditional = conditional || node.condition != nullptr;
    const auto last = std::find_if(node.after.begin(), node.after.end(),
                                   [&](std::size_t a) { return a != 0 && !continued[a]; });
    if (last == node.after.end()) {
      chains.of.push_back(std::uint32_t(chains.length.size()));
      chains.length.push_back(0);
    } else {
      continued[*last] = true;
      chains.of.push_back(chains.of[*last - 1]);
    }
    chains.place.push_back(++chains.length[chains.of.back()]);
  }
  chains.done.assign(chains.length.size(), 0);
  if (chains.length.size() > 1 || conditional)  // a single chain is the stream on which the graph is launched
    for (std::size_t i = 0; i < chains.length.size(); ++i) chains.streams.push_back(order::new_stream());
  return chains;
}

// Returns the nodes of a graph in an order that the edges allow, its child graphs in the place of their
// nodes. Returns an empty list for a graph with a cycle.
std::vector<Node> in_order(const CUgraph_st& graph) {
  std::vector<Node> sorted;
  std::vector<std::size_t> number(graph.nodes.size() + 1, 0);  // in `sorted`, of each node's end
  for (std::size_t placed = 0, before = 1; placed < graph.nodes.size() && before != placed;) {
    before = placed;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      Node node = graph.nodes[i];
      const bool ready = std::all_of(node.after.begin(), node.after.end(),
                                     [&](std::size_t a) { return a == 0 || number[a] != 0; });
      if (number[i + 1] != 0 || !ready) continue;
      for (std::size_t& a : node.after) a = number[a];
      node.behind = number[node.behind];
      const cudaGraph_t child = node.type == cudaGraphNodeTypeGraph ? node.bodies.at(0) : nullptr;
      sorted.push_back(std::move(node));
      const std::size_t start = sorted.size();
      number[i + 1] = start;
      if (child != nullptr) {
        std::vector<std::size_t> ends{start};
        for (Node inner : in_order(*child)) {
          for (std::size_t& a : inner.after) a += start;
          if (inner.after.empty()) inner.after.push_back(start);
          inner.behind += inner.behind == 0 ? 0 : start;
          sorted.push_back(std::move(inner));
          ends.push_back(sorted.size());
        }
        sorted.push_back({.after = std::move(ends), .work = [] {}});
        number[i + 1] = sorted.size();
      }
      ++placed;
    }
  }
  if (std::count(number.begin() + 1, number.end(), 0u) != 0) sorted.clear();
  return sorted;
}

// Notes the launch of a graph whose nodes are noted when they run. Returns its index.
std::size_t trace_launch(cudaStream_t stream) {
  return note_graph(enqueue(stream, {.kind = Piece::Kind::graph, .name = "cudaGraphLaunch"}, [] {}));
}

// Notes the launch of a graph, and the nodes. Returns the number of the first; 0 if no trace runs.
std::size_t trace_nodes(const std::vector<Node>& nodes, cudaStream_t stream) {
  if (!is_traced()) return 0;
  const TaskId launch = enqueue(stream, {.kind = Piece::Kind::graph, .name = "cudaGraphLaunch"}, [] {});
  std::vector<GraphPiece> pieces;
  for (const Node& node : nodes) pieces.push_back({&node.piece, &node.after});
  return note_nodes(pieces, launch, stream_of(stream));
}

Node* find_node(cudaGraphExec_t executable, cudaGraphNode_t handle) {
  if (!executables().live.contains(executable)) return nullptr;
  // A queued launch keeps the nodes that it was made with.
  executable->program = std::make_shared<Program>(*executable->program);
  for (Node& node : executable->program->nodes)
    if (node.handle == handle) return &node;
  return nullptr;
}

void collect_pinned(const Program& program, std::vector<PinnedUse>& all) {
  for (const Node& node : program.nodes) {
    if (!node.enabled) continue;
    all.insert(all.end(), node.pinned.begin(), node.pinned.end());
    for (const auto& body : node.programs) collect_pinned(*body, all);
  }
}

}  // namespace

namespace {

// Notes a node behind the ends of those that it follows, or behind `head`.
void note_as_running(const Node& node, const Ends& head, const std::vector<Ends>& ends_of, Ends& own) {
  Ends after;
  for (const std::size_t a : node.after)
    if (a != 0) after.insert(after.end(), ends_of[a - 1].begin(), ends_of[a - 1].end());
  own = {note_node(node.piece, after.empty() ? head : after)};
  set_running_piece(own[0] + 1);
}

// Returns the ends of the nodes that no other one follows; `head` if there is no node.
Ends last_of(const std::vector<Node>& nodes, const std::vector<Ends>& ends_of, const Ends& head) {
  std::vector<bool> followed(nodes.size(), false);
  for (const Node& node : nodes)
    for (const std::size_t a : node.after)
      if (a != 0) followed[a - 1] = true;
  Ends ends;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!followed[i]) ends.insert(ends.end(), ends_of[i].begin(), ends_of[i].end());
  return nodes.empty() ? head : ends;
}

bool has_condition(const Program& program) {
  return std::any_of(program.nodes.begin(), program.nodes.end(),
                     [](const Node& node) { return node.condition != nullptr; });
}

}  // namespace

std::shared_ptr<Program> compile(const CUgraph_st& graph) {
  auto program = std::make_shared<Program>();
  program->nodes = in_order(graph);
  if (program->nodes.empty() && !graph.nodes.empty()) return nullptr;
  program->chains = chains_of(program->nodes);
  for (Node& node : program->nodes) {
    if (node.condition == nullptr) continue;
    for (const cudaGraph_t body : node.bodies) {
      auto compiled = compile(*body);
      if (compiled == nullptr) return nullptr;
      for (const Node& inner : compiled->nodes)
        if (inner.type == cudaGraphNodeTypeHost || inner.type == cudaGraphNodeTypeEventRecord) return nullptr;
      node.programs.push_back(std::move(compiled));
    }
  }
  return program;
}

// The order is one that the edges allow, a random one if accesses are not checked.
void run_program(Program& program, const std::vector<NodeStamp>& stamps, std::size_t number, Ends* ends) {
  auto& nodes = program.nodes;
  std::vector<Ends> ends_of(ends == nullptr ? 0 : nodes.size());
  std::uint64_t version = 0;
  Random random;
  random.seed(current_seed(&version) ^ executables().random.next());
  std::vector<std::vector<std::size_t>> next(nodes.size());
  std::vector<std::size_t> missing(nodes.size(), 0), ready;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::size_t a : nodes[i].after)
      if (a != 0) ++missing[i], next[a - 1].push_back(i);
    if (const std::size_t b = nodes[i].behind; b != 0) ++missing[i], next[b - 1].push_back(i);
    if (missing[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    const auto next_ready = runs_in_order() ? std::min_element(ready.begin(), ready.end()) - ready.begin()
                                            : std::ptrdiff_t(random.below(std::uint32_t(ready.size())));
    std::swap(ready[std::size_t(next_ready)], ready.back());
    const std::size_t chosen = ready.back();
    ready.pop_back();
    if (!stamps.empty()) order::begin(stamps[chosen].stamp, false);
    set_running_piece(number == 0 ? 0 : number + chosen);
    Ends* const own = ends == nullptr ? nullptr : &ends_of[chosen];
    if (own != nullptr) note_as_running(nodes[chosen], *ends, ends_of, *own);
    if (nodes[chosen].condition != nullptr)
      run_conditional(nodes[chosen], stamps[chosen], own);
    else if (nodes[chosen].enabled)
      nodes[chosen].work();
    for (const std::size_t n : next[chosen])
      if (--missing[n] == 0) ready.push_back(n);
  }
  if (ends != nullptr) *ends = last_of(nodes, ends_of, *ends);
}

}  // namespace simt

using namespace simt;

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  const std::lock_guard lock(runtime_mutex());
  if (executable == nullptr || flags > 15 || !is_graph(graph)) return result(cudaErrorInvalidValue);
  auto program = compile(*graph);
  if (program == nullptr)
    return refuse(cudaErrorInvalidValue,
                  "the graph has a cycle, or a conditional body has a node of a type that it "
                  "may not have");
  *executable = new CUgraphExec_st{std::move(program)};
  executables().live.insert(*executable);
  return result(cudaSuccess);
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph,
                                          unsigned long long flags) {
  return cudaGraphInstantiate(executable, graph, flags);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, cudaGraphNode_t* error_node,
                                 char* log, std::size_t log_bytes) {
  if (error_node != nullptr) *error_node = nullptr;
  if (log != nullptr && log_bytes > 0) *log = '\0';
  return cudaGraphInstantiate(executable, graph, 0);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!executables().live.contains(executable)) return result(cudaErrorInvalidValue);
  return result(is_stream(stream) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!executables().live.contains(executable))
    return refuse(cudaErrorInvalidValue, "the executable does not exist, or was destroyed");
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = refuse_queueing(stream); error != cudaSuccess) return result(error);
  if (stream_of(stream).capture != nullptr) return result(refuse_where_captured(stream));
  log_library_call("cudaGraphLaunch");
  const auto program = executable->program;
  const auto ends = std::make_shared<Ends>();
  if (is_traced() && has_condition(*program)) *ends = {trace_launch(stream)};
  const std::size_t number = ends->empty() ? trace_nodes(program->nodes, stream) : 0;
  order::Clock& clock = stream_of(stream).clock;
  clock.join(order::host());
  clock.join(executable->clock);
  auto stamps = stamps_of(*program, clock, clock);
  Details details{.behind = executable->last};
  collect_pinned(*program, details.pinned);
  executable->last = enqueue(
      stream, {},
      [program, stamps = std::move(stamps), number, ends] {
        reset_conditions(*program);
        run_program(*program, stamps, number, ends->empty() ? nullptr : ends.get());
      },
      details);
  if (!ends->empty()) {  // what is queued next follows what the graph ran
    finish(executable->last);
    note_ends(stream_of(stream), *ends);
  }
  executable->clock = stream_of(stream).clock;
  return result(cudaSuccess);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const std::lock_guard lock(runtime_mutex());
  if (executables().live.erase(executable) == 0)
    return refuse(cudaErrorInvalidValue, "the executable does not exist, or was destroyed");
  executable->program = nullptr;  // the handle stays, so that no later one has its address
  return result(cudaSuccess);
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t executable, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo* info) {
  const std::lock_guard lock(runtime_mutex());
  if (!executables().live.contains(executable) || !is_graph(graph)) return result(cudaErrorInvalidValue);
  const auto fail = [&](cudaGraphExecUpdateResult why, cudaGraphNode_t node) {
    if (info != nullptr) *info = {why, node, nullptr};
    return refuse(cudaErrorGraphExecUpdateFailure, why == cudaGraphExecUpdateErrorTopologyChanged
                                                       ? "the nodes and edges are not those of the executable"
                                                       : "a node has another type");
  };
  auto next = compile(*graph);
  if (next == nullptr) return result(cudaErrorInvalidValue);
  const auto& old = executable->program->nodes;
  if (next->nodes.size() != old.size()) return fail(cudaGraphExecUpdateErrorTopologyChanged, nullptr);
  for (std::size_t i = 0; i < old.size(); ++i) {
    Node& node = next->nodes[i];
    if (node.after != old[i].after) return fail(cudaGraphExecUpdateErrorTopologyChanged, node.handle);
    if (node.type != old[i].type) return fail(cudaGraphExecUpdateErrorNodeTypeChanged, node.handle);
    node.handle = old[i].handle;
  }
  next->chains = executable->program->chains;
  executable->program = std::move(next);
  if (info != nullptr) *info = {cudaGraphExecUpdateSuccess, nullptr, nullptr};
  return result(cudaSuccess);
}
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t executable, cudaGraph_t graph, cudaGraphNode_t* error_node,
                                cudaGraphExecUpdateResult* outcome) {
  cudaGraphExecUpdateResultInfo info{};
  const cudaError_t error = cudaGraphExecUpdate(executable, graph, &info);
  if (error_node != nullptr) *error_node = info.errorNode;
  if (outcome != nullptr) *outcome = info.result;
  return error;
}

cudaError_t cudaGraphNodeSetEnabled(cudaGraphExec_t executable, cudaGraphNode_t handle, unsigned enabled) {
  const std::lock_guard lock(runtime_mutex());
  Node* const node = find_node(executable, handle);
  if (node == nullptr) return result(cudaErrorInvalidValue);
  node->enabled = enabled != 0;
  return result(cudaSuccess);
}

namespace simt {

cudaError_t replace_work(cudaGraphExec_t executable, cudaGraphNode_t handle, Node next) {
  const std::lock_guard lock(runtime_mutex());
  Node* const node = find_node(executable, handle);
  if (node == nullptr || node->type != next.type) return cudaErrorInvalidValue;
  node->work = std::move(next.work);
  node->piece = std::move(next.piece);
  node->pinned = std::move(next.pinned);
  node->kernel = next.kernel;
  return cudaSuccess;
}

void forget_graphs() { executables().live.clear(); }

}  // namespace simt
