// Implements traces: notes each piece of queued work with the pieces that it follows.
#include "simt/trace.h"

#include <algorithm>
#include <map>
#include <utility>

#include "report/trace_notes.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

// Guarded by runtime_mutex().
struct Tracing {
  bool on = false;
  Trace trace;
  std::map<TaskId, std::size_t> piece_of;
  std::map<const CUstream_st*, std::vector<std::size_t>> awaited;  // by the next piece of the stream
  std::vector<std::size_t> host;                                   // what the host waited for
  std::size_t noted_before_host = 0;                               // pieces at the host's latest wait
};
Tracing& tracing() {
  static auto* const instance = new Tracing;
  return *instance;
}

thread_local std::size_t running = 0;  // the piece that runs on this thread, from 1

std::size_t add(Piece piece) {
  auto& after = piece.after;
  std::sort(after.begin(), after.end());
  after.erase(std::unique(after.begin(), after.end()), after.end());
  tracing().trace.pieces.push_back(std::move(piece));
  return tracing().trace.pieces.size();
}

}  // namespace

void start_trace(bool counted) {
  const std::lock_guard lock(runtime_mutex());
  finish_all();
  tracing() = {};
  tracing().on = true;
  profile(counted);
}

Trace end_trace() {
  const std::lock_guard lock(runtime_mutex());
  finish_all();
  tracing().on = false;
  profile(false);
  tracing().trace.bytes_touched = profiled_bytes();
  return std::exchange(tracing().trace, {});
}

bool is_traced() { return tracing().on; }

std::size_t note_piece(Piece piece, TaskId id, const std::vector<TaskId>& follows,
                       const CUstream_st& stream) {
  Tracing& t = tracing();
  if (!t.on) return 0;
  for (const TaskId task : follows)
    if (const auto found = t.piece_of.find(task); found != t.piece_of.end())
      piece.after.push_back(found->second);
  const auto waits = std::exchange(t.awaited[&stream], {});
  piece.after.insert(piece.after.end(), waits.begin(), waits.end());
  piece.after.insert(piece.after.end(), t.host.begin(), t.host.end());
  const std::size_t number = add(std::move(piece));
  t.piece_of[id] = number - 1;
  return number;
}

void note_wait(const CUstream_st& stream, TaskId task) {
  Tracing& t = tracing();
  if (!t.on) return;
  if (const auto found = t.piece_of.find(task); found != t.piece_of.end())
    t.awaited[&stream].push_back(found->second);
}

std::size_t note_nodes(const std::vector<GraphPiece>& nodes, TaskId launch, const CUstream_st& stream) {
  Tracing& t = tracing();
  ++t.trace.graph_launches;
  const std::size_t first = t.trace.pieces.size(), head = t.piece_of.at(launch);
  std::vector<bool> followed(nodes.size(), false);
  for (const GraphPiece& node : nodes) {
    Piece piece = *node.piece;
    piece.in_graph = true;
    for (const std::size_t a : *node.after)
      if (a != 0) piece.after.push_back(first + a - 1), followed[a - 1] = true;
    if (piece.after.empty()) piece.after.push_back(head);
    add(std::move(piece));
  }
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!followed[i]) t.awaited[&stream].push_back(first + i);
  return first + 1;
}

std::size_t note_graph(TaskId launch) {
  ++tracing().trace.graph_launches;
  return tracing().piece_of.at(launch);
}

std::size_t note_node(const Piece& piece, std::vector<std::size_t> after) {
  Piece noted = piece;
  noted.in_graph = true;
  noted.after = std::move(after);
  return add(std::move(noted)) - 1;
}

void note_ends(const CUstream_st& stream, const std::vector<std::size_t>& ends) {
  auto& awaited = tracing().awaited[&stream];
  awaited.insert(awaited.end(), ends.begin(), ends.end());
}

void note_host_wait(TaskId task) {
  Tracing& t = tracing();
  if (!t.on) return;
  const auto found = t.piece_of.find(task);
  if (found == t.piece_of.end()) return;
  if (std::find(t.host.begin(), t.host.end(), found->second) != t.host.end()) return;
  ++t.trace.host_waits;
  if (found->second >= t.noted_before_host) t.host.clear();  // that piece follows what the host waited for
  t.host.push_back(found->second);
  t.noted_before_host = t.trace.pieces.size();
}

void note_host_wait_for_all() {
  Tracing& t = tracing();
  if (!t.on) return;
  ++t.trace.host_waits;
  std::vector<bool> followed(t.trace.pieces.size(), false);
  for (const Piece& piece : t.trace.pieces)
    for (const std::size_t a : piece.after) followed[a] = true;
  t.host.clear();
  for (std::size_t i = 0; i < followed.size(); ++i)
    if (!followed[i]) t.host.push_back(i);
  t.noted_before_host = followed.size();
}

void set_running_piece(std::size_t number) { running = number; }

void note_profile(const KernelProfile& counts) {
  const std::lock_guard lock(runtime_mutex());
  if (tracing().on && running != 0) tracing().trace.pieces[running - 1].profile += counts;
}

}  // namespace simt
