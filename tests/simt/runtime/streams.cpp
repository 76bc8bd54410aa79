// Implements streams and events: work waits in one graph of dependencies and runs at once or, in late mode,
// when it must.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

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
  bool deferred = false;  // it meets other processes, or follows work that does
};

struct Queues {
  CUstream_st legacy;
  std::set<cudaStream_t> streams;
  CUstream_st destroyed;  // whose work the legacy stream still has to follow
  std::vector<TaskId> destroyed_last;
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

// Picks the next task; a random one if streams overtake each other.
TaskId any_pending() {
  auto& pending = queues().pending;
  auto chosen = pending.begin();
  if (runs_in_order()) return chosen->first;
  std::advance(chosen, long(queues().random.below(std::uint32_t(pending.size()))));
  return chosen->first;
}

void run_task(TaskId id);

// Runs a task. If it fails, the work queued after it never runs, as on a device whose context is lost.
void perform(TaskId id) {
  auto& q = queues();
  const auto node = q.pending.extract(id);
  const OpenArena open;
  order::begin(node.mapped().stamp, q.pending.empty());
  set_running_piece(node.mapped().piece);
  try {
    node.mapped().work();
  } catch (...) {
    q.pending.clear();
    throw;
  }
}

void run_earlier(TaskId id) {
  auto& pending = queues().pending;
  for (auto next = pending.begin(); next != pending.end() && next->first < id;) {
    const TaskId current = next->first;
    if (!next->second.deferred) perform(current);
    next = pending.upper_bound(current);
  }
}

void run_task(TaskId id) {
  if (runs_in_order()) run_earlier(id);
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

namespace {

bool per_thread_default = false;

CUstream_st& stream_of_thread() {
  thread_local CUstream_st* own = nullptr;
  if (own == nullptr || !queues().streams.contains(own)) queues().streams.insert(own = new CUstream_st);
  return *own;
}

}  // namespace

bool runs_in_order() { return watched && checking; }

bool use_per_thread_default_stream() { return per_thread_default = true; }

CUstream_st& stream_of(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (stream == cudaStreamPerThread || (stream == nullptr && per_thread_default)) return stream_of_thread();
  return stream == nullptr || stream == cudaStreamLegacy ? queues().legacy : *stream;
}

std::recursive_mutex& runtime_mutex() {
  static auto* const mutex = new std::recursive_mutex;
  return *mutex;
}

bool is_stream(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  return stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread ||
         queues().streams.contains(stream);
}
bool is_done(TaskId task) { return !queues().pending.contains(task); }

TaskId enqueue(cudaStream_t stream, Piece piece, std::function<void()> work, const Details& details) {
  const std::lock_guard lock(runtime_mutex());
  auto& q = queues();
  CUstream_st& target = stream_of(stream);
  if (target.capture != nullptr) return capture(target, std::move(piece), std::move(work), details), 0;
  Task task{{target.last, details.behind}, std::move(work), {}};
  target.clock.join(order::host());
  if (&target == &q.legacy) {
    for (const auto other : q.streams)
      if (other->blocking) task.after.push_back(other->last), target.clock.join(other->clock);
    target.clock.join(q.destroyed.clock);
    task.after.insert(task.after.end(), q.destroyed_last.begin(), q.destroyed_last.end());
    q.destroyed_last.clear();
  } else if (target.blocking) {
    task.after.push_back(q.legacy.last);
    target.clock.join(q.legacy.clock);
  }
  target.clock.set(target.number, ++target.queued);
  task.stamp = {target.number, target.queued, target.clock};
  if (details.programmatic && target.ends_in_kernel && order::host().of(target.number) < target.queued - 1)
    task.stamp.ended = target.queued - 2;
  target.ends_in_kernel = details.kernel != nullptr;
  const auto meets = [&](TaskId other) { return !is_done(other) && q.pending.at(other).deferred; };
  task.deferred = details.deferred || std::any_of(task.after.begin(), task.after.end(), meets);
  const TaskId id = q.next++;
  task.piece = note_piece(std::move(piece), id, task.after, target);
  target.last = id;
  q.pending.emplace(id, std::move(task));
  for (const PinnedUse& use : details.pinned) pinned_in_use(use, target);
  const auto& after = q.pending.at(id).after;
  const bool waits = std::any_of(after.begin(), after.end(), [](TaskId other) { return !is_done(other); });
  if (!q.late && !details.deferred && !waits) run_task(id);
  return id;
}

void finish(TaskId task) {
  const std::lock_guard lock(runtime_mutex());
  const OpenArena open;  // opened once for all tasks
  while (!is_done(task)) {
    if (!runs_in_order() && queues().random.below(4) == 0) run_task(any_pending());
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

namespace {

// The work that is queued still runs. The handle stays, so that no later one has its address.
void forget_stream(cudaStream_t stream) {
  if (stream->blocking) {
    queues().destroyed.clock.join(stream->clock);
    queues().destroyed_last.push_back(stream->last);
  }
  queues().streams.erase(stream);
  stream->clock = {};
}

// Notes host code that runs on a stream. It may touch the pinned memory of copies that come before it.
void queue_host(cudaStream_t stream, std::function<void()> function) {
  const Details details{.type = cudaGraphNodeTypeHost};
  enqueue(
      stream, {.name = "host function"},
      [function = std::move(function)] {
        const OpenPinned open;
        call_host(function);
      },
      details);
}

}  // namespace

void forget_streams() {
  while (!queues().streams.empty()) forget_stream(*queues().streams.begin());
}

}  // namespace simt

using namespace simt;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  const std::lock_guard lock(runtime_mutex());
  if (stream == nullptr || flags > cudaStreamNonBlocking) return result(cudaErrorInvalidValue);
  *stream =
      new CUstream_st{.blocking = flags != cudaStreamNonBlocking, .priority = std::clamp(priority, -5, 0)};
  queues().streams.insert(*stream);
  return result(cudaSuccess);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!queues().streams.contains(stream))
    return refuse(cudaErrorInvalidResourceHandle, "the stream does not exist, or was destroyed");
  if (const cudaError_t error = refuse_where_captured(stream); error != cudaSuccess) return result(error);
  forget_stream(stream);
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

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (priority == nullptr) return result(cudaErrorInvalidValue);
  *priority = stream_of(stream).priority;
  return result(cudaSuccess);
}
cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* flags) {
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (flags == nullptr) return result(cudaErrorInvalidValue);
  *flags = stream_of(stream).blocking ? cudaStreamDefault : cudaStreamNonBlocking;
  return result(cudaSuccess);
}
cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long* id) {
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (id == nullptr) return result(cudaErrorInvalidValue);
  *id = stream_of(stream).number;
  return result(cudaSuccess);
}
cudaError_t cudaStreamGetDevice(cudaStream_t stream, int* device) {
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  return cudaGetDevice(device);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (function == nullptr) return result(cudaErrorInvalidValue);
  if (const cudaError_t error = refuse_queueing(stream); error != cudaSuccess) return result(error);
  queue_host(stream, [=] { function(data); });
  return result(cudaSuccess);
}

cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void* data,
                                  unsigned flags) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (callback == nullptr || flags != 0) return result(cudaErrorInvalidValue);
  if (const cudaError_t error = refuse_where_captured(stream); error != cudaSuccess) return result(error);
  queue_host(stream, [=] { callback(stream, cudaSuccess, data); });
  return result(cudaSuccess);
}
