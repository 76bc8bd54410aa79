// Implements streams and events: work waits in one graph of dependencies and runs at once or, in late mode,
// when it must.
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>

#include "checks/shadow.h"
#include "machine/block.h"
#include "report/trace_notes.h"
#include "runtime/pinned.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

struct Task {
  std::vector<TaskId> after;
  std::function<void()> work;
  order::Stamp stamp;
  std::size_t piece = 0;  // its number in a trace
};

struct Queues {
  CUstream_st legacy;
  std::set<cudaStream_t> streams;
  std::set<cudaEvent_t> events;
  std::map<TaskId, Task> pending;
  TaskId next = 1;
  bool late = false;
  Random random;

  Queues() {
    const char* text = std::getenv("SIMT_LATE");
    late = text != nullptr && std::string(text) == "1";
    std::uint64_t version = 0;
    random.seed(current_seed(&version));
  }
};

// Is never destroyed, because objects with static storage may use streams.
Queues& queues() {
  static Queues* const instance = new Queues;
  return *instance;
}

double now_milliseconds() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Picks a random task, so that streams overtake each other.
TaskId any_pending() {
  auto& pending = queues().pending;
  auto chosen = pending.begin();
  std::advance(chosen, long(queues().random.below(std::uint32_t(pending.size()))));
  return chosen->first;
}

void run_task(TaskId id);

// Runs a task. If it fails, the work queued after it never runs, as on a device whose context is lost.
void perform(TaskId id) {
  const auto node = queues().pending.extract(id);
  const OpenArena open;
  order::begin(node.mapped().stamp, queues().pending.empty());
  set_running_piece(node.mapped().piece);
  try {
    node.mapped().work();
  } catch (...) {
    queues().pending.clear();
    throw;
  }
}

void run_task(TaskId id) {
  for (;;) {
    const auto found = queues().pending.find(id);
    if (found == queues().pending.end()) return;
    TaskId first = 0;
    for (const TaskId dependency : found->second.after)
      if (queues().pending.contains(dependency)) first = std::max(first, dependency);
    if (first == 0) return perform(id);
    run_task(first);
  }
}

}  // namespace

CUstream_st& stream_of(cudaStream_t stream) {
  return stream == nullptr || stream == cudaStreamLegacy ? queues().legacy : *stream;
}

std::recursive_mutex& runtime_mutex() {
  static auto* const mutex = new std::recursive_mutex;
  return *mutex;
}

bool is_stream(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  return stream == nullptr || stream == cudaStreamLegacy || queues().streams.contains(stream);
}
bool is_event(cudaEvent_t event) { return queues().events.contains(event); }
bool is_done(TaskId task) { return !queues().pending.contains(task); }

TaskId enqueue(cudaStream_t stream, Piece piece, std::function<void()> work, std::size_t behind) {
  const std::lock_guard lock(runtime_mutex());
  auto& q = queues();
  CUstream_st& target = stream_of(stream);
  if (target.capture != nullptr) return capture(target, std::move(piece), std::move(work), behind), 0;
  Task task{{target.last, behind}, std::move(work), {}};
  target.clock.join(order::host());
  if (&target == &q.legacy) {
    for (const auto other : q.streams)
      if (other->blocking) task.after.push_back(other->last), target.clock.join(other->clock);
  } else if (target.blocking) {
    task.after.push_back(q.legacy.last);
    target.clock.join(q.legacy.clock);
  }
  target.clock.set(target.number, ++target.queued);
  task.stamp = {target.number, target.queued, target.clock};
  const TaskId id = q.next++;
  task.piece = note_piece(std::move(piece), id, task.after, target);
  target.last = id;
  q.pending.emplace(id, std::move(task));
  if (!q.late) run_task(id);
  return id;
}

void finish(TaskId task) {
  const std::lock_guard lock(runtime_mutex());
  const OpenArena open;  // opened once for all tasks
  while (!is_done(task)) {
    if (queues().random.below(4) == 0) run_task(any_pending());
    run_task(task);
  }
}

void finish_stream(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  note_host_wait(stream_of(stream).last);
  finish(stream_of(stream).last);
  host_waited_for(stream_of(stream).clock);
}

void finish_all() {
  const std::lock_guard lock(runtime_mutex());
  const OpenArena open;
  while (!queues().pending.empty()) run_task(any_pending());
}

void host_waited_for(const order::Clock& clock) {
  order::host().join(clock);
  pinned_release();
}

void progress() {
  const std::lock_guard lock(runtime_mutex());
  if (!queues().pending.empty()) run_task(queues().pending.begin()->first);
}

bool is_late() {
  const std::lock_guard lock(runtime_mutex());
  return queues().late;
}
void set_late(bool late) {
  const std::lock_guard lock(runtime_mutex());
  queues().late = late;
  if (!late) finish_all();
}

}  // namespace simt

using namespace simt;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const std::lock_guard lock(runtime_mutex());
  if (stream == nullptr || flags > cudaStreamNonBlocking) return result(cudaErrorInvalidValue);
  *stream = new CUstream_st{.blocking = flags != cudaStreamNonBlocking};
  queues().streams.insert(*stream);
  return result(cudaSuccess);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!queues().streams.contains(stream)) return result(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = refuse_where_captured(stream); error != cudaSuccess) return result(error);
  finish(stream->last);
  queues().streams.erase(stream);
  delete stream;
  return result(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = refuse_where_captured(stream); error != cudaSuccess) return result(error);
  finish_stream(stream);
  return result(cudaSuccess);
}

// A query that answers "not ready" lets queued work continue, so that polling ends.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = refuse_where_captured(stream); error != cudaSuccess) return result(error);
  if (is_done(stream_of(stream).last)) {
    host_waited_for(stream_of(stream).clock);
    return result(cudaSuccess);
  }
  progress();
  return cudaErrorNotReady;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream) || !is_event(event)) return result(cudaErrorInvalidResourceHandle);
  if (flags != 0) return result(cudaErrorInvalidValue);
  if (event->capture != nullptr || stream_of(stream).capture != nullptr)
    return result(wait_in_capture(stream, event));
  stream_of(stream).clock.join(event->clock);
  note_wait(stream_of(stream), event->task);
  const bool done = is_done(event->task);
  if (done && !is_traced()) return result(cudaSuccess);
  const TaskId id = enqueue(stream, {}, [] {});
  if (!done) queues().pending.at(id).after.push_back(event->task);
  return result(cudaSuccess);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const std::lock_guard lock(runtime_mutex());
  if (event == nullptr || flags > (cudaEventBlockingSync | cudaEventDisableTiming))
    return result(cudaErrorInvalidValue);
  *event = new CUevent_st{.timing = (flags & cudaEventDisableTiming) == 0};
  queues().events.insert(*event);
  return result(cudaSuccess);
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

// Work that still has to pass a destroyed event is not affected.
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_event(event)) return result(cudaErrorInvalidResourceHandle);
  queues().events.erase(event);
  delete event;
  return result(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream) || !is_event(event)) return result(cudaErrorInvalidResourceHandle);
  if (record_in_capture(event, stream)) return result(cudaSuccess);
  event->recorded = true;
  event->task = enqueue(stream, {}, [event] {
    if (is_event(event)) event->milliseconds = now_milliseconds();
  });
  event->clock = stream_of(stream).clock;
  return result(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_event(event)) return result(cudaErrorInvalidResourceHandle);
  if (event->capture != nullptr) return result(cudaErrorCapturedEvent);
  note_host_wait(event->task);
  finish(event->task);
  host_waited_for(event->clock);
  return result(cudaSuccess);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_event(event)) return result(cudaErrorInvalidResourceHandle);
  if (event->capture != nullptr) return result(cudaErrorCapturedEvent);
  if (is_done(event->task)) {
    host_waited_for(event->clock);
    return result(cudaSuccess);
  }
  progress();
  return cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_event(start) || !is_event(end)) return result(cudaErrorInvalidResourceHandle);
  if (milliseconds == nullptr) return result(cudaErrorInvalidValue);
  if (!start->recorded || !end->recorded || !start->timing || !end->timing)
    return result(cudaErrorInvalidResourceHandle);
  if (!is_done(start->task) || !is_done(end->task)) return cudaErrorNotReady;
  *milliseconds = float(end->milliseconds - start->milliseconds);
  return result(cudaSuccess);
}

cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t error = refuse_while_capturing(); error != cudaSuccess) return result(error);
  {
    const std::lock_guard lock(runtime_mutex());
    note_host_wait_for_all();
  }
  finish_all();
  order::host_waited_for_all();
  pinned_release();
  return result(cudaSuccess);
}
