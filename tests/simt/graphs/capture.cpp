// Implements stream capture: who may call what while a stream is captured, and how streams join and leave.
#include <algorithm>

#include "graphs/graph.h"

namespace simt {
namespace {

// Is never destroyed, as streams are not.
struct Captures {
  std::set<Capture*> active;
  std::vector<std::unique_ptr<Capture>> ended;  // events may still name them
};
Captures& captures() {
  static Captures* const instance = new Captures;
  return *instance;
}

thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

void invalidate(Capture& c, const std::string& why) {
  if (!c.invalid) c.why = why;
  c.invalid = true;
}

bool captures_still(const Capture* capture) {
  return captures().active.contains(const_cast<Capture*>(capture));
}

bool is_own(const Capture& c) { return c.thread == std::this_thread::get_id(); }

// Returns whether the capture keeps the calling thread from calls that could synchronise.
bool forbids(const Capture& c) {
  if (thread_mode == cudaStreamCaptureModeRelaxed || c.mode == cudaStreamCaptureModeRelaxed) return false;
  if (is_own(c)) return true;
  return c.mode == cudaStreamCaptureModeGlobal && thread_mode == cudaStreamCaptureModeGlobal;
}

template <class Matches>
cudaError_t refuse_if(cudaError_t error, const char* why, Matches matches) {
  const std::lock_guard lock(runtime_mutex());
  bool any = false;
  for (Capture* c : captures().active)
    if (matches(*c)) invalidate(*c, why), any = true;
  return any ? error : cudaSuccess;
}

void leave(Capture& capture) {
  for (CUstream_st* stream : capture.streams) {
    stream->capture = nullptr;
    stream->captured_last = 0;
  }
  captures().active.erase(&capture);
}

// Returns whether every forked stream's last node comes before the origin's last node.
bool joined(const Capture& c) {
  const auto& nodes = c.graph->nodes;
  std::vector<bool> reached(nodes.size() + 1, false);
  std::vector<std::size_t> stack{c.origin->captured_last};
  while (!stack.empty()) {
    const std::size_t n = stack.back();
    stack.pop_back();
    if (n == 0 || reached[n]) continue;
    reached[n] = true;
    for (const std::size_t a : nodes[n - 1].after) stack.push_back(a);
  }
  return std::all_of(c.streams.begin(), c.streams.end(), [&](const CUstream_st* s) {
    return s->captured_last == 0 || reached[s->captured_last];
  });
}

cudaGraphNodeType type_of(const Piece& piece, const Details& details) {
  if (details.type != cudaGraphNodeTypeEmpty) return details.type;
  if (piece.kind == Piece::Kind::kernel || piece.kind == Piece::Kind::library) return cudaGraphNodeTypeKernel;
  if (piece.kind == Piece::Kind::copy) return cudaGraphNodeTypeMemcpy;
  return piece.kind == Piece::Kind::fill ? cudaGraphNodeTypeMemset : cudaGraphNodeTypeEmpty;
}

// Adds a node that only waits, if the stream is to follow more than one node.
std::size_t joint(Capture& c, std::vector<std::size_t> after) {
  std::erase(after, 0u);
  if (after.empty()) return 0;
  if (after.size() == 1) return after[0];
  add_node(*c.graph, {.after = std::move(after), .work = [] {}});
  return c.graph->nodes.size();
}

}  // namespace

void capture(CUstream_st& stream, Piece piece, std::function<void()> work, const Details& details) {
  Capture& c = *stream.capture;
  if (c.invalid) return;
  const cudaGraphNodeType type = type_of(piece, details);
  add_node(*c.graph, {.after = {stream.captured_last},
                      .work = std::move(work),
                      .behind = details.behind,
                      .piece = std::move(piece),
                      .type = type,
                      .pinned = details.pinned,
                      .kernel = details.kernel});
  stream.captured_last = c.graph->nodes.size();
}

cudaError_t refuse_unsafe() {
  return refuse_if(cudaErrorStreamCaptureUnsupported, "a call that could synchronise", forbids);
}

cudaError_t refuse_while_capturing() {
  return refuse_if(cudaErrorStreamCaptureUnsupported, "a call that waits for the device",
                   [](const Capture&) { return true; });
}

cudaError_t refuse_legacy() {
  return refuse_if(cudaErrorStreamCaptureImplicit, "the use of the legacy stream", [](const Capture& c) {
    return std::any_of(c.streams.begin(), c.streams.end(), [](const auto* s) { return s->blocking; });
  });
}

cudaError_t refuse_where_captured(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (&stream_of(stream) == &stream_of(cudaStreamLegacy)) return refuse_legacy();
  Capture* const c = stream_of(stream).capture;
  if (c == nullptr) return cudaSuccess;
  invalidate(*c, "a wait for the captured stream");
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t refuse_captured_event(cudaEvent_t event) {
  if (event->capture == nullptr) return cudaSuccess;
  if (captures_still(event->capture)) invalidate(*event->capture, "a wait for a captured event");
  return cudaErrorCapturedEvent;
}

cudaError_t refuse_queueing(cudaStream_t stream) {
  if (in_host_function()) return cudaErrorNotPermitted;
  const CUstream_st& target = stream_of(stream);
  if (target.capture != nullptr && target.capture->invalid) return cudaErrorStreamCaptureInvalidated;
  return &target == &stream_of(cudaStreamLegacy) ? refuse_legacy() : cudaSuccess;
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
    invalidate(*to.capture, "a wait for an event that was recorded outside the capture");
    return cudaErrorStreamCaptureIsolation;
  }
  if (!captures_still(event->capture)) {
    if (to.capture != nullptr) invalidate(*to.capture, "a wait for an event of an earlier capture");
    return to.capture != nullptr ? cudaErrorStreamCaptureIsolation : cudaErrorCapturedEvent;
  }
  Capture& c = *event->capture;
  if (&to == &stream_of(cudaStreamLegacy)) {
    invalidate(c, "the legacy stream's wait for a captured event");
    return cudaErrorStreamCaptureImplicit;
  }
  if (c.invalid) return cudaErrorStreamCaptureInvalidated;
  if (to.capture == nullptr) {
    to.capture = &c;
    to.captured_last = event->captured_last;
    c.streams.push_back(&to);
    return cudaSuccess;
  }
  if (to.capture != &c) {
    invalidate(c, "a wait by a stream of another capture");
    invalidate(*to.capture, "a wait for an event of another capture");
    return cudaErrorStreamCaptureMerge;
  }
  to.captured_last = joint(c, {to.captured_last, event->captured_last});
  return cudaSuccess;
}

namespace {

cudaError_t begin(cudaStream_t stream, cudaStreamCaptureMode mode, cudaGraph_t graph,
                  const std::vector<std::size_t>& after) {
  if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
  if (mode < cudaStreamCaptureModeGlobal || mode > cudaStreamCaptureModeRelaxed) return cudaErrorInvalidValue;
  CUstream_st& target = stream_of(stream);
  if (&target == &stream_of(cudaStreamLegacy)) return cudaErrorStreamCaptureUnsupported;
  if (target.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  const bool owned = graph == nullptr;
  target.capture = new Capture{.origin = &target,
                               .mode = mode,
                               .thread = std::this_thread::get_id(),
                               .graph = owned ? new_graph() : graph,
                               .owned = owned,
                               .streams = {&target},
                               .why = {}};
  captures().active.insert(target.capture);
  target.captured_last = joint(*target.capture, after);
  return cudaSuccess;
}

}  // namespace
}  // namespace simt

using namespace simt;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const std::lock_guard lock(runtime_mutex());
  return result(begin(stream, mode, nullptr, {}));
}

cudaError_t cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                          const cudaGraphNode_t* after, const cudaGraphEdgeData*,
                                          std::size_t count, cudaStreamCaptureMode mode) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_graph(graph) || (count > 0 && after == nullptr)) return result(cudaErrorInvalidValue);
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < count; ++i) {
    numbers.push_back(number_of(*graph, after[i]));
    if (numbers.back() == 0) return result(cudaErrorInvalidValue);
  }
  return result(begin(stream, mode, graph, numbers));
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return cudaStreamGetCaptureInfo(stream, status);
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                     unsigned long long* id, cudaGraph_t* graph,
                                     const cudaGraphNode_t** after, const cudaGraphEdgeData** edges,
                                     std::size_t* count) {
  const std::lock_guard lock(runtime_mutex());
  static cudaGraphNode_t last = nullptr;
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (status == nullptr) return result(cudaErrorInvalidValue);
  if (&stream_of(stream) == &stream_of(cudaStreamLegacy))
    if (const cudaError_t error = refuse_legacy(); error != cudaSuccess) return result(error);
  const Capture* const c = stream_of(stream).capture;
  *status = c == nullptr ? cudaStreamCaptureStatusNone
            : c->invalid ? cudaStreamCaptureStatusInvalidated
                         : cudaStreamCaptureStatusActive;
  if (c == nullptr) return result(cudaSuccess);
  const std::size_t number = stream_of(stream).captured_last;
  if (number != 0) last = c->graph->nodes[number - 1].handle;
  if (id != nullptr) *id = reinterpret_cast<std::uintptr_t>(c);
  if (graph != nullptr) *graph = c->graph;
  if (after != nullptr) *after = &last;
  if (edges != nullptr) *edges = nullptr;
  if (count != nullptr) *count = number != 0;
  return result(cudaSuccess);
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* after,
                                                const cudaGraphEdgeData*, std::size_t count, unsigned flags) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  Capture* const c = stream_of(stream).capture;
  if (c == nullptr) return result(cudaErrorIllegalState);
  std::vector<std::size_t> numbers;
  if (flags == cudaStreamAddCaptureDependencies) numbers.push_back(stream_of(stream).captured_last);
  for (std::size_t i = 0; i < count; ++i) {
    numbers.push_back(number_of(*c->graph, after[i]));
    if (numbers.back() == 0) return result(cudaErrorInvalidValue);
  }
  stream_of(stream).captured_last = joint(*c, std::move(numbers));
  return result(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (graph == nullptr) return result(cudaErrorInvalidValue);
  *graph = nullptr;
  Capture* const found = stream_of(stream).capture;
  if (found == nullptr) return refuse(cudaErrorIllegalState, "the stream is not captured");
  if (found->origin != &stream_of(stream))
    return refuse(cudaErrorStreamCaptureUnmatched, "the capture began on another stream");
  if (found->mode != cudaStreamCaptureModeRelaxed && !is_own(*found))
    return refuse(cudaErrorStreamCaptureWrongThread, "another thread began the capture");
  const bool whole = joined(*found), invalid = found->invalid;
  leave(*found);
  captures().ended.emplace_back(found);
  if (found->owned && (invalid || !whole)) delete_graph(found->graph);
  if (invalid) return refuse(cudaErrorStreamCaptureInvalidated, "what ended the capture was " + found->why);
  if (!whole)
    return refuse(cudaErrorStreamCaptureUnjoined,
                  "the origin does not wait for the last work of a forked stream");
  *graph = found->graph;
  return result(cudaSuccess);
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  if (mode == nullptr || *mode < cudaStreamCaptureModeGlobal || *mode > cudaStreamCaptureModeRelaxed)
    return result(cudaErrorInvalidValue);
  std::swap(*mode, thread_mode);
  return result(cudaSuccess);
}
