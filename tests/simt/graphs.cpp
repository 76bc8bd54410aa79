// Graphs: capture of streams, instances, launches.
#include <algorithm>
#include <memory>
#include <set>

#include "tests/simt/block.h"
#include "tests/simt/runtime.h"

namespace simt {

struct Node {
  std::vector<std::size_t> after;  // nodes, from 1
  std::function<void()> work;
};

// One that has begun: streams join it by waiting for an event of a stream that takes part.
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
};

namespace simt {
namespace {

// Never destroyed, as streams are.
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

// Any order that the edges allow.
void run_nodes(const std::vector<Node>& nodes) {
  std::uint64_t version = 0;
  Random random;
  random.seed(current_seed(&version) ^ graphs().random.next());
  std::vector<bool> done(nodes.size() + 1, false);
  done[0] = true;
  std::vector<std::size_t> waiting(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) waiting[i] = i + 1;
  while (!waiting.empty()) {
    std::vector<std::size_t> ready;
    for (const std::size_t n : waiting)
      if (std::all_of(nodes[n - 1].after.begin(), nodes[n - 1].after.end(),
                      [&](std::size_t a) { return done[a]; }))
        ready.push_back(n);
    const std::size_t chosen = ready[random.below(std::uint32_t(ready.size()))];
    nodes[chosen - 1].work();
    done[chosen] = true;
    waiting.erase(std::find(waiting.begin(), waiting.end(), chosen));
  }
}

void leave(Capture& capture) {
  for (CUstream_st* stream : capture.streams) {
    stream->capture = nullptr;
    stream->captured_last = 0;
  }
  graphs().captures.erase(&capture);
}

}  // namespace

void capture(CUstream_st& stream, std::function<void()> work) {
  Capture& c = *stream.capture;
  c.nodes.push_back({{stream.captured_last}, std::move(work)});
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
  if (event->capture == nullptr) {  // work outside the graph
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

// Every node of a forked stream must come before what the origin does last.
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
  *executable = new CUgraphExec_st{std::make_shared<const std::vector<Node>>(graph->nodes)};
  graphs().executables.insert(*executable);
  return result(cudaSuccess);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!graphs().executables.contains(executable)) return result(cudaErrorInvalidValue);
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (stream_of(stream).capture != nullptr) return result(cudaErrorNotSupported);  // child graphs
  log_library_call("cudaGraphLaunch");
  enqueue(stream, [nodes = executable->nodes] { run_nodes(*nodes); });
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
