// What the parts of the runtime stand-in tell a trace. The caller holds runtime_mutex().
#pragma once
#include "runtime/runtime.h"
#include "simt/trace.h"

namespace simt {

bool is_traced();
// Notes queued work, and returns its number, from 1; 0 if no trace runs.
std::size_t note_piece(Piece piece, TaskId id, const std::vector<TaskId>& follows, const CUstream_st& stream);
// Notes that the stream's next piece follows that task.
void note_wait(const CUstream_st& stream, TaskId task);

// A node of a graph: its piece, and the nodes that it follows, from 1.
struct GraphPiece {
  const Piece* piece;
  const std::vector<std::size_t>* after;
};
// Notes the nodes of a graph, whose launch is that task; the stream's next piece follows all of them. Returns
// the number of the first.
std::size_t note_nodes(const std::vector<GraphPiece>& nodes, TaskId launch, const CUstream_st& stream);

// Notes the launch of a graph whose nodes note themselves when they run. Returns its index.
std::size_t note_graph(TaskId launch);
// Notes such a node, which follows the pieces of these indices. Returns its index.
std::size_t note_node(const Piece& piece, std::vector<std::size_t> after);
// Notes that the stream's next piece follows the pieces of these indices.
void note_ends(const CUstream_st& stream, const std::vector<std::size_t>& ends);

void note_host_wait(TaskId task);
void note_host_wait_for_all();

// The piece that runs on this thread from now on; its kernel's counts belong to it.
void set_running_piece(std::size_t number);
void note_profile(const KernelProfile& counts);

}  // namespace simt
