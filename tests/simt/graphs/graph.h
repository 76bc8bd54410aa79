// What captures, graphs and their executables are made of.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "machine/block.h"
#include "runtime/runtime.h"

struct CUgraphNode_st {
  CUgraph_st* graph;  // null once the node is gone
};

namespace simt {

struct Program;

// The variable of a conditional node.
struct Condition {
  const CUgraph_st* graph;
  unsigned initial = 0;
  bool has_initial = false;
  bool used = false;  // by a node
  bool set = false;   // in this launch
  unsigned value = 0;
  std::uint64_t time = 0;  // when a kernel set it
};

struct Node {
  std::vector<std::size_t> after;  // numbers of nodes, from 1
  std::function<void()> work;
  std::size_t behind = 0;  // a node that it runs after, but is not ordered with
  Piece piece = {};
  cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
  cudaGraphNode_t handle = nullptr;  // the same in a graph and its executables
  std::vector<PinnedUse> pinned = {};
  const void* kernel = nullptr;
  cudaKernelNodeParams params = {};  // as the program gave them
  bool enabled = true;
  Condition* condition = nullptr;
  cudaGraphConditionalNodeType branches = cudaGraphCondTypeIf;
  std::vector<CUgraph_st*> bodies = {};  // of a conditional node, or the child graph
  std::vector<std::shared_ptr<Program>> programs = {};
};

// Groups nodes into chains. For the order of accesses, each chain of nodes that follow each other counts as
// one stream.
struct Chains {
  std::vector<std::uint32_t> of;            // the chain of each node
  std::vector<std::uint64_t> place;         // each node's position in its chain, from 1
  std::vector<std::uint32_t> streams;       // the stream number of each chain
  std::vector<std::uint64_t> length, done;  // of each chain: its nodes, and how many ran or are queued
};

// Nodes in an order that the edges allow, without child graphs.
struct Program {
  std::vector<Node> nodes;
  Chains chains;
};

// A capture that has begun. A stream joins it by waiting for an event of a stream that takes part.
struct Capture {
  CUstream_st* origin;
  cudaStreamCaptureMode mode;
  std::thread::id thread;  // that began it
  CUgraph_st* graph;
  bool owned;  // whether the graph was made for the capture
  std::vector<CUstream_st*> streams;
  bool invalid = false;
  std::string why;  // it is invalid
};

bool is_graph(cudaGraph_t graph);
// Returns null if the node is gone.
Node* find_node(cudaGraphNode_t handle);
// Describe a node's work.
cudaError_t kernel_node(const cudaKernelNodeParams* p, Node& node);
cudaError_t copy_node(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, Node& node);
cudaError_t fill_node(const cudaMemsetParams* p, Node& node);
cudaError_t host_node(const cudaHostNodeParams* p, Node& node);
cudaGraph_t new_graph();
void delete_graph(cudaGraph_t graph);
Node& add_node(CUgraph_st& graph, Node node);
// Returns the node's number in its graph, from 1; 0 if it is not in it.
std::size_t number_of(const CUgraph_st& graph, cudaGraphNode_t node);
cudaGraph_t clone_graph(const CUgraph_st& graph);

// Returns null if the graph has a cycle.
std::shared_ptr<Program> compile(const CUgraph_st& graph);
struct NodeStamp {
  order::Stamp stamp;
  order::Clock behind;  // of what follows the node
};
// Returns the stamps of the nodes of a run that follows `before`; adds what ran to `behind`.
std::vector<NodeStamp> stamps_of(Program& program, order::Clock before, order::Clock& behind);
// What a traced launch ran so far, as indices of pieces: what comes next follows them.
using Ends = std::vector<std::size_t>;
// Runs the nodes. In a trace their pieces are noted already, from `number` on; or they follow `ends`, which
// become what follows them.
void run_program(Program& program, const std::vector<NodeStamp>& stamps, std::size_t number,
                 Ends* ends = nullptr);
// Runs the bodies of a conditional node as often as its condition says.
void run_conditional(Node& node, const NodeStamp& stamp, Ends* ends);
// Gives the conditions of the nodes their initial values, as each launch does.
void reset_conditions(Program& program);
bool is_condition(cudaGraphConditionalHandle handle);
// Gives a node of an executable the work of another node of the same type.
cudaError_t replace_work(cudaGraphExec_t executable, cudaGraphNode_t handle, Node next);

}  // namespace simt

struct CUgraph_st {
  std::vector<simt::Node> nodes;
  CUgraph_st* parent = nullptr;  // of the body of a conditional node
};
