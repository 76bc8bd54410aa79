// Implements graphs: capture of streams, instances, launches.
#include <algorithm>
#include <memory>
#include <set>

#include "machine/block.h"
#include "report/trace_notes.h"
#include "runtime/runtime.h"

namespace simt {

struct Node {
  std::vector<std::size_t> after;  // numbers of nodes, from 1
  std::function<void()> work;
  std::size_t behind = 0;  // a node that it runs after, but is not ordered with
  Piece piece = {};
};

// Groups nodes into chains. For the order of accesses, each chain of nodes that follow each other counts as
// one stream.
struct Chains {
  std::vector<std::uint32_t> of;            // the chain of each node
  std::vector<std::uint64_t> place;         // each node's position in its chain, from 1
  std::vector<std::uint32_t> streams;       // the stream number of each chain
  std::vector<std::uint64_t> length, done;  // of each chain: its nodes, and how many ran or are queued
};

// A capture that has begun. A stream joins it by waiting for an event of a stream that takes part.
struct Capture {
  CUstream_st* origin;
  std::vector<CUstream_st*> streams;
  std::vector<Node> nodes;
  bool invalid = false;
};

}  // namespace simt

struct CUgraph_st {
  std::vector<simt::Node> nodes;
};
struct CUgraphExec_st {
  std::shared_ptr<const std::vector<simt::Node>> nodes;  // outlives the handle while a launch is queued
  simt::Chains chains;
};

namespace simt {
namespace {

// Is never destroyed, as streams are not.
struct Graphs {
  std::set<Capture*> captures;
  std::vector<std::unique_ptr<Capture>> ended;  // events may still name them
  std::set<cudaGraph_t> graphs;
  std::set<cudaGraphExec_t> executables;
  Random random;
};
Graphs& graphs() {
  static Graphs* const instance = new Graphs;
  return *instance;
}

bool captures_still(const Capture* capture) {
  return graphs().captures.contains(const_cast<Capture*>(capture));
}

Chains chains_of(const std::vector<Node>& nodes) {
  Chains chains;
  std::vector<bool> continued(nodes.size() + 1, false);
  for (const Node& node : nodes) {
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
  if (chains.length.size() > 1)  // a single chain is the stream on which the graph is launched
    for (std::size_t i = 0; i < chains.length.size(); ++i) chains.streams.push_back(order::new_stream());
  return chains;
}

// Returns the stamps of the nodes of a launch that follows `before`; sets `behind` to the clock after all of
// them.
std::vector<order::Stamp> stamps_of(const std::vector<Node>& nodes, Chains& chains, order::Clock before,
                                    order::Clock& behind) {
  std::vector<order::Stamp> stamps;
  if (chains.streams.empty()) return stamps;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    order::Stamp stamp{chains.streams[chains.of[i]], chains.done[chains.of[i]] + chains.place[i], before};
    for (const std::size_t a : nodes[i].after)
      if (a != 0) stamp.clock.join(stamps[a - 1].clock);
    stamp.clock.set(stamp.stream, stamp.count);
    stamps.push_back(stamp);
    behind.join(stamp.clock);
  }
  for (std::size_t c = 0; c < chains.length.size(); ++c) chains.done[c] += chains.length[c];
  return stamps;
}

// Runs the nodes in a random order that the edges allow. In a trace, the first one is piece `number`.
void run_nodes(const std::vector<Node>& nodes, const std::vector<order::Stamp>& stamps, std::size_t number) {
  std::uint64_t version = 0;
  Random random;
  random.seed(current_seed(&version) ^ graphs().random.next());
  std::vector<std::vector<std::size_t>> next(nodes.size());
  std::vector<std::size_t> missing(nodes.size(), 0), ready;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::size_t a : nodes[i].after)
      if (a != 0) ++missing[i], next[a - 1].push_back(i);
    if (const std::size_t b = nodes[i].behind; b != 0) ++missing[i], next[b - 1].push_back(i);
    if (missing[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    std::swap(ready[random.below(std::uint32_t(ready.size()))], ready.back());
    const std::size_t chosen = ready.back();
    ready.pop_back();
    if (!stamps.empty()) order::begin(stamps[chosen], false);
    set_running_piece(number == 0 ? 0 : number + chosen);
    nodes[chosen].work();
    for (const std::size_t n : next[chosen])
      if (--missing[n] == 0) ready.push_back(n);
  }
}

// Notes the launch of a graph, and the nodes. Returns the number of the first; 0 if no trace runs.
std::size_t trace_nodes(const std::vector<Node>& nodes, cudaStream_t stream) {
  if (!is_traced()) return 0;
  const TaskId launch = enqueue(stream, {.kind = Piece::Kind::graph, .name = "cudaGraphLaunch"}, [] {});
  std::vector<GraphPiece> pieces;
  for (const Node& node : nodes) pieces.push_back({&node.piece, &node.after});
  return note_nodes(pieces, launch, stream_of(stream));
}

void leave(Capture& capture) {
  for (CUstream_st* stream : capture.streams) {
    stream->capture = nullptr;
    stream->captured_last = 0;
  }
  graphs().captures.erase(&capture);
}

}  // namespace

void capture(CUstream_st& stream, Piece piece, std::function<void()> work, std::size_t behind) {
  Capture& c = *stream.capture;
  c.nodes.push_back({{stream.captured_last}, std::move(work), behind, std::move(piece)});
  stream.captured_last = c.nodes.size();
}

cudaError_t refuse_while_capturing() {
  const std::lock_guard lock(runtime_mutex());
  if (graphs().captures.empty()) return cudaSuccess;
  for (Capture* c : graphs().captures) c->invalid = true;
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t refuse_where_captured(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  Capture* const c = stream_of(stream).capture;
  if (c == nullptr) return cudaSuccess;
  c->invalid = true;
  return cudaErrorStreamCaptureUnsupported;
}

bool record_in_capture(cudaEvent_t event, cudaStream_t stream) {
  const CUstream_st& from = stream_of(stream);
  event->capture = from.capture;
  event->captured_last = from.captured_last;
  return from.capture != nullptr;
}

cudaError_t wait_in_capture(cudaStream_t stream, cudaEvent_t event) {
  CUstream_st& to = stream_of(stream);
  if (event->capture == nullptr) {  // the event marks work outside the graph
    to.capture->invalid = true;
    return cudaErrorStreamCaptureIsolation;
  }
  if (!captures_still(event->capture)) {
    if (to.capture != nullptr) to.capture->invalid = true;
    return to.capture != nullptr ? cudaErrorStreamCaptureIsolation : cudaErrorCapturedEvent;
  }
  Capture& c = *event->capture;
  if (to.capture == nullptr) {
    to.capture = &c;
    to.captured_last = event->captured_last;
    c.streams.push_back(&to);
    return cudaSuccess;
  }
  if (to.capture != &c) return cudaErrorStreamCaptureIsolation;
  c.nodes.push_back({{to.captured_last, event->captured_last}, [] {}});
  to.captured_last = c.nodes.size();
  return cudaSuccess;
}

namespace {

// Returns whether every forked stream's last node comes before the origin's last node.
bool joined(const Capture& c) {
  std::vector<bool> reached(c.nodes.size() + 1, false);
  std::vector<std::size_t> stack{c.origin->captured_last};
  while (!stack.empty()) {
    const std::size_t n = stack.back();
    stack.pop_back();
    if (n == 0 || reached[n]) continue;
    reached[n] = true;
    for (const std::size_t a : c.nodes[n - 1].after) stack.push_back(a);
  }
  return std::all_of(c.streams.begin(), c.streams.end(), [&](const CUstream_st* s) {
    return s->captured_last == 0 || reached[s->captured_last];
  });
}

}  // namespace
}  // namespace simt

using namespace simt;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (mode < cudaStreamCaptureModeGlobal || mode > cudaStreamCaptureModeRelaxed)
    return result(cudaErrorInvalidValue);
  if (stream == nullptr || stream == cudaStreamLegacy) return result(cudaErrorStreamCaptureUnsupported);
  if (stream->capture != nullptr) return result(cudaErrorStreamCaptureUnsupported);
  stream->capture = new Capture{stream, {stream}, {}, false};
  graphs().captures.insert(stream->capture);
  return result(cudaSuccess);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (status == nullptr) return result(cudaErrorInvalidValue);
  const Capture* const c = stream_of(stream).capture;
  *status = c == nullptr ? cudaStreamCaptureStatusNone
            : c->invalid ? cudaStreamCaptureStatusInvalidated
                         : cudaStreamCaptureStatusActive;
  return result(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (graph == nullptr) return result(cudaErrorInvalidValue);
  *graph = nullptr;
  Capture* const found = stream_of(stream).capture;
  if (found == nullptr || found->origin != stream) return result(cudaErrorStreamCaptureUnmatched);
  const bool whole = joined(*found), invalid = found->invalid;
  leave(*found);
  graphs().ended.emplace_back(found);
  if (invalid) return result(cudaErrorStreamCaptureInvalidated);
  if (!whole) return result(cudaErrorStreamCaptureUnjoined);
  *graph = new CUgraph_st{std::move(found->nodes)};
  graphs().graphs.insert(*graph);
  return result(cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  const std::lock_guard lock(runtime_mutex());
  if (executable == nullptr || flags != 0 || !graphs().graphs.contains(graph))
    return result(cudaErrorInvalidValue);
  *executable =
      new CUgraphExec_st{std::make_shared<const std::vector<Node>>(graph->nodes), chains_of(graph->nodes)};
  graphs().executables.insert(*executable);
  return result(cudaSuccess);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!graphs().executables.contains(executable)) return result(cudaErrorInvalidValue);
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (stream_of(stream).capture != nullptr) return result(cudaErrorNotSupported);  // child graphs
  log_library_call("cudaGraphLaunch");
  const std::size_t number = trace_nodes(*executable->nodes, stream);
  order::Clock& clock = stream_of(stream).clock;
  clock.join(order::host());
  auto stamps = stamps_of(*executable->nodes, executable->chains, clock, clock);
  enqueue(stream, {}, [nodes = executable->nodes, stamps = std::move(stamps), number] {
    run_nodes(*nodes, stamps, number);
  });
  return result(cudaSuccess);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::lock_guard lock(runtime_mutex());
  if (graphs().graphs.erase(graph) == 0) return result(cudaErrorInvalidValue);
  delete graph;
  return result(cudaSuccess);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const std::lock_guard lock(runtime_mutex());
  if (graphs().executables.erase(executable) == 0) return result(cudaErrorInvalidValue);
  delete executable;
  return result(cudaSuccess);
}
