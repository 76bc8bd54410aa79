// Implements conditional nodes of graphs, and the order of accesses in the graphs that they repeat.
#include <algorithm>

#include "checks/order.h"
#include "checks/shadow.h"
#include "graphs/graph.h"

namespace simt {
namespace {

// How many nodes of one chain a conditional node may run in one launch.
constexpr std::uint64_t most_repeats = std::uint64_t(1) << 24;

std::set<Condition*>& conditions() {
  static auto* const instance = new std::set<Condition*>;
  return *instance;
}

// Lets what follows a conditional node follow all that its bodies may run.
void reserve(Program& program, order::Clock& behind) {
  for (std::size_t c = 0; c < program.chains.streams.size(); ++c)
    behind.set(program.chains.streams[c], program.chains.done[c] += most_repeats);
  for (Node& node : program.nodes)
    for (const auto& body : node.programs) reserve(*body, behind);
}

// Returns the condition's value. The kernel that set it has to come before.
unsigned value_of(const Condition& condition) {
  if (!condition.set && !condition.has_initial)
    throw Violation(Check::api,
                    "conditional node: no kernel of this launch has set the condition, and its handle has no "
                    "default (cudaGraphCondAssignDefault)");
  if (condition.set && !order::is_ordered(condition.time))
    throw Violation(
        Check::race,
        "conditional node: data race: cudaGraphSetConditional set its condition and nothing orders the two");
  return condition.value;
}

void run_body(Node& node, std::size_t index, const order::Clock& before, std::uint64_t round, Ends* ends) {
  if (index >= node.programs.size()) return;
  Program& body = *node.programs[index];
  std::vector<NodeStamp> stamps;
  // The launch reserved the last counts of each chain.
  auto& done = body.chains.done;
  const auto reserved = done;
  for (std::size_t c = 0; c < done.size(); ++c) done[c] += round * body.chains.length[c] - most_repeats;
  order::Clock behind;
  if (!body.chains.streams.empty()) stamps = stamps_of(body, before, behind);
  done = reserved;
  run_program(body, stamps, 0, ends);
}

}  // namespace

std::vector<NodeStamp> stamps_of(Program& program, order::Clock before, order::Clock& behind) {
  std::vector<NodeStamp> stamps;
  Chains& chains = program.chains;
  if (chains.streams.empty()) return stamps;
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    Node& node = program.nodes[i];
    order::Stamp stamp{chains.streams[chains.of[i]], chains.done[chains.of[i]] + chains.place[i], before};
    for (const std::size_t a : node.after)
      if (a != 0) stamp.clock.join(stamps[a - 1].behind);
    stamp.clock.set(stamp.stream, stamp.count);
    order::Clock after = stamp.clock;
    for (const auto& body : node.programs) reserve(*body, after);
    behind.join(after);
    stamps.push_back({std::move(stamp), std::move(after)});
  }
  for (std::size_t c = 0; c < chains.length.size(); ++c) chains.done[c] += chains.length[c];
  return stamps;
}

void run_conditional(Node& node, const NodeStamp& stamp, Ends* ends) {
  for (std::uint64_t round = 0;; ++round) {
    const order::Clock& before = round == 0 ? stamp.stamp.clock : stamp.behind;
    order::begin({stamp.stamp.stream, stamp.stamp.count, before}, false);
    const unsigned value = value_of(*node.condition);
    if (node.branches == cudaGraphCondTypeSwitch) return run_body(node, value, before, 0, ends);
    if (node.branches == cudaGraphCondTypeIf) return run_body(node, value != 0 ? 0 : 1, before, 0, ends);
    if (value == 0) return;
    if (round == most_repeats / 256)
      throw Violation(Check::api, "conditional node: a while loop ran " + std::to_string(round) +
                                      " times, and its condition is not 0");
    run_body(node, 0, before, round, ends);
  }
}

void reset_conditions(Program& program) {
  for (Node& node : program.nodes) {
    if (node.condition != nullptr) {
      node.condition->set = false;
      node.condition->value = node.condition->initial;
    }
    for (const auto& body : node.programs) reset_conditions(*body);
  }
}

bool is_condition(cudaGraphConditionalHandle handle) {
  return conditions().contains(reinterpret_cast<Condition*>(handle));
}

}  // namespace simt

using namespace simt;

cudaError_t cudaGraphConditionalHandleCreate(cudaGraphConditionalHandle* handle, cudaGraph_t graph,
                                             unsigned default_value, unsigned flags) {
  const std::lock_guard lock(runtime_mutex());
  if (handle == nullptr || !is_graph(graph) || flags > cudaGraphCondAssignDefault)
    return result(cudaErrorInvalidValue);
  auto* const condition = new Condition{.graph = graph, .initial = default_value, .has_initial = flags != 0};
  conditions().insert(condition);
  *handle = reinterpret_cast<cudaGraphConditionalHandle>(condition);
  return result(cudaSuccess);
}

void cudaGraphSetConditional(cudaGraphConditionalHandle handle, unsigned value) {
  const Unwatched emulator;
  if (!machine().running()) throw Violation(Check::api, "cudaGraphSetConditional: only kernels may call it");
  if (!is_condition(handle)) device_violation("cudaGraphSetConditional: ", int(handle), " is no handle");
  auto& condition = *reinterpret_cast<Condition*>(handle);
  condition.set = true;
  condition.value = value;
  condition.time = now();
}
