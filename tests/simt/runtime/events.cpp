// Implements events: they mark a point of a stream's work, which other streams and the host wait for.
#include <chrono>
#include <set>

#include "report/ending.h"
#include "report/trace_notes.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

// Is never destroyed, as streams are not.
std::set<cudaEvent_t>& events() {
  static auto* const instance = new std::set<cudaEvent_t>;
  return *instance;
}

double now_milliseconds() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

cudaError_t refuse_event(const ApiCall& call = ApiCall::current()) {
  return refuse(cudaErrorInvalidResourceHandle, "the event or the stream does not exist, or was destroyed",
                call);
}

// Returns whether the host knows that the event has happened.
bool is_known(cudaEvent_t event) { return order::host_waited_for(event->stream, event->count); }

}  // namespace

bool is_event(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  return events().contains(event);
}

void forget_events() { events().clear(); }

}  // namespace simt

using namespace simt;

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream) || !is_event(event)) return refuse_event();
  if (flags > cudaEventWaitExternal) return result(cudaErrorInvalidValue);
  if (in_host_function()) return result(cudaErrorNotPermitted);
  if (event->capture != nullptr || stream_of(stream).capture != nullptr)
    return result(wait_in_capture(stream, event));
  stream_of(stream).clock.join(event->clock);
  note_wait(stream_of(stream), event->task);
  if (is_done(event->task) && !is_traced()) return result(cudaSuccess);
  enqueue(stream, {}, [] {}, {.behind = event->task});
  return result(cudaSuccess);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const std::lock_guard lock(runtime_mutex());
  if (event == nullptr || flags > 7) return result(cudaErrorInvalidValue);
  *event = new CUevent_st{.timing = (flags & cudaEventDisableTiming) == 0};
  events().insert(*event);
  return result(cudaSuccess);
}
cudaError_t cudaEventCreate(cudaEvent_t* event, unsigned flags) {
  return cudaEventCreateWithFlags(event, flags);
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

// Work that still has to pass a destroyed event is not affected. The handle stays, so that no later one has
// its address.
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  if (events().erase(event) == 0) return refuse_event();
  event->clock = {};
  return result(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream) || !is_event(event)) return refuse_event();
  if (const cudaError_t error = refuse_queueing(stream); error != cudaSuccess) return result(error);
  if (record_in_capture(event, stream)) return result(cudaSuccess);
  event->recorded = true;
  event->task = enqueue(stream, {}, [event] { event->milliseconds = now_milliseconds(); });
  const CUstream_st& of = stream_of(stream);
  event->stream = of.number;
  event->count = of.queued;
  event->clock = of.clock;
  return result(cudaSuccess);
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  return flags > cudaEventRecordExternal ? result(cudaErrorInvalidValue) : cudaEventRecord(event, stream);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_event(event)) return refuse_event();
  if (const cudaError_t error = refuse_captured_event(event); error != cudaSuccess) return result(error);
  note_host_wait(event->task);
  finish(event->task);
  host_waited_for(event->clock);
  return result(cudaSuccess);
}

// A query that answers "not ready" lets queued work continue, so that polling ends.
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_event(event)) return refuse_event();
  if (const cudaError_t error = refuse_captured_event(event); error != cudaSuccess) return result(error);
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  if (is_done(event->task)) {
    host_waited_for(event->clock);
    return result(cudaSuccess);
  }
  progress();
  return cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_event(start) || !is_event(end)) return refuse_event();
  if (milliseconds == nullptr) return result(cudaErrorInvalidValue);
  if (!start->recorded || !end->recorded)
    return refuse(cudaErrorInvalidResourceHandle, "an event was never recorded");
  if (!start->timing || !end->timing)
    return refuse(cudaErrorInvalidResourceHandle, "an event was made with cudaEventDisableTiming");
  if (!is_known(start) || !is_known(end))
    report_use(Check::sync,
               "cudaEventElapsedTime: the host has not waited for the event, so that the call may return "
               "cudaErrorNotReady");
  if (!is_done(start->task) || !is_done(end->task)) return cudaErrorNotReady;
  *milliseconds = float(end->milliseconds - start->milliseconds);
  return result(cudaSuccess);
}
