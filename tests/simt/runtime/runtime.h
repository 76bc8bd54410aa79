// What the parts of the runtime stand-in share: queued work, the registry of memory, counters.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <source_location>
#include <string>
#include <vector>

#include "checks/order.h"
#include "simt/runtime_api.h"
#include "simt/trace.h"

namespace simt {

// Identifies queued work; ids grow in the order of the calls.
using TaskId = std::uint64_t;

}  // namespace simt

namespace simt {
struct Capture;
}

struct CUstream_st {
  bool blocking = true;  // whether it is ordered with the legacy default stream
  int priority = 0;
  simt::TaskId last = 0;
  simt::Capture* capture = nullptr;  // set while the stream is captured
  std::size_t captured_last = 0;     // the node that its next one follows, from 1
  std::uint32_t number = simt::order::new_stream();
  std::uint64_t queued = 0;     // pieces of work
  bool ends_in_kernel = false;  // the last of them is one
  simt::order::Clock clock{};   // after all of them
};

struct CUevent_st {
  bool timing = true;
  bool recorded = false;
  std::uint32_t stream = 0;  // the number of the stream on which it was recorded
  std::uint64_t count = 0;   // the pieces of work before it there
  simt::TaskId task = 0;
  double milliseconds = 0;
  simt::Capture* capture = nullptr;  // the capture in which it was recorded, after node captured_last
  std::size_t captured_last = 0;
  simt::order::Clock clock{};  // of the work that it was recorded after
};

namespace simt {

// Guards everything below. It is recursive, because queued work calls back.
std::recursive_mutex& runtime_mutex();

// Returns false for a handle that no create call returned or that was destroyed.
bool is_stream(cudaStream_t stream);
bool is_event(cudaEvent_t event);

// A range of pinned memory that a copy reads or writes (if it is the target).
struct PinnedUse {
  void* pointer;
  std::size_t bytes;
  bool target;
};
// What else is known of queued work. `behind` is a task (or a node, if the stream is captured) that it
// follows as well, without being ordered with it for the checks of accesses.
struct Details {
  std::size_t behind = 0;
  std::vector<PinnedUse> pinned = {};
  cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
  const void* kernel = nullptr;
  bool programmatic = false;  // it may begin beside a kernel that is the stream's last piece
  bool deferred = false;  // runs only if something waits for it, as work that meets other processes has to
};
// Queues work after the stream's earlier work; runs it at once unless the mode is late. A trace describes it
// by `piece`.
TaskId enqueue(cudaStream_t stream, Piece piece, std::function<void()> work, const Details& details = {});
// Returns an error if queueing on the stream is not permitted now: the legacy stream waits for the streams of
// a capture, or a host function calls.
cudaError_t refuse_queueing(cudaStream_t stream);
void finish(TaskId task);  // returns when the task and all that it follows are done
void finish_stream(cudaStream_t stream);
void finish_all();
bool is_done(TaskId task);
// Returns whether work runs in the order in which it was queued, and nodes of a graph in that of the calls.
// If accesses are checked, clocks know what could overtake what; a reader that nothing orders behind its
// writer is then a race in any schedule, instead of one of memory that was never written.
bool runs_in_order();
// Notes that the host waited for what the clock holds, so that it may touch the pinned memory of that work.
void host_waited_for(const order::Clock& clock);
// Runs one queued task, if there is any.
void progress();
bool is_late();

// Managed memory is the device's and the host's; registered memory is the program's own, which it pinned.
enum class MemoryKind { device, pinned, managed, registered };
// Returns whether [pointer, pointer + bytes) lies in one live allocation that a call takes for one of that
// kind: managed memory and exposed variables count as the device's, managed and registered memory as pinned.
bool is_inside(const void* pointer, std::size_t bytes, MemoryKind kind);
// Returns whether the range is the host's: neither its start nor its end is in device memory.
bool is_host(const void* pointer, std::size_t bytes);
// Returns `byte 12 of an allocation of 400 bytes (made at k.cu:7)`, or describes the nearest allocation, or
// the freed one that the address was in.
std::string describe_device_address(const void* pointer);
// Throws a Violation if a library call gets memory that the device cannot reach, or too little of it.
void require_device(const void* pointer, std::size_t bytes, const char* call, const char* argument);

// -- graphs --

// Adds work to the graph into which the stream is captured.
void capture(CUstream_st& stream, Piece piece, std::function<void()> work, const Details& details);
// Returns an error, and invalidates the captures, if the calling thread may not make a call now that could
// synchronise, such as an allocation. That depends on the modes of the captures and on who began them.
cudaError_t refuse_unsafe();
// Does so if any capture has begun and not ended, whatever its mode.
cudaError_t refuse_while_capturing();
// Does the same for the captures of one stream.
cudaError_t refuse_where_captured(cudaStream_t stream);
// Does the same for an event that was recorded in a capture.
cudaError_t refuse_captured_event(cudaEvent_t event);
// Does the same if the legacy stream would have to wait for a capture.
cudaError_t refuse_legacy();
CUstream_st& stream_of(cudaStream_t stream);
// Implements cudaStreamWaitEvent if the event or the stream is captured.
cudaError_t wait_in_capture(cudaStream_t stream, cudaEvent_t event);
// Returns false if the stream is not captured. Clears what the event held from an earlier capture.
bool record_in_capture(cudaEvent_t event, cudaStream_t stream);

// -- errors --

using ApiCall = std::source_location;
// Keeps the error for cudaGetLastError and returns it. Reports it with the call: the function that asks.
cudaError_t result(cudaError_t error, const ApiCall& call = ApiCall::current());
// Does the same, and reports why.
cudaError_t refuse(cudaError_t error, const std::string& why, const ApiCall& call = ApiCall::current());
// Calls host code in the place of queued work. The calls that it makes to CUDA meanwhile are refused.
void call_host(const std::function<void()>& function);
bool in_host_function();

void log_kernel(const void* kernel);
void log_library_call(const char* name);
void count_copy();

// Checks a copy or a fill, and describes the work. `kind` becomes the kind that cudaMemcpyDefault means.
cudaError_t prepare_copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind& kind,
                         std::function<void()>& work, Piece& piece, Details& details);
cudaError_t prepare_fill(void* to, int value, std::size_t bytes, std::function<void()>& work, Piece& piece);

// Checks a launch. Returns in `grid` and `piece` what it queues.
cudaError_t prepare_launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body,
                           Grid& grid, Piece& piece);
// Returns `float*, int` for a kernel k(float*, int).
std::string parameter_types(const void* kernel);
// Returns a function that runs one thread of a kernel with copies of these arguments; empty if the types of
// its parameters are not known.
std::function<void()> bind_arguments(const void* kernel, void** args);
// Forget everything that the program holds, for cudaDeviceReset.
void forget_streams();
void forget_events();
void forget_graphs();
void forget_memory();

// Returns the largest dynamic shared memory with which a kernel may be launched.
std::size_t shared_limit(const void* kernel);

// Returns how many blocks of a grid the device holds at once.
std::uint64_t most_resident_blocks(const Grid& grid);
// Notes that the program asked how large the device is.
void note_size_asked();

inline constexpr std::size_t most_device_capacity = std::size_t(2) << 30;
std::size_t device_capacity();
inline constexpr int shared_default = 48 << 10;
inline constexpr int shared_optin = 227 << 10;
inline constexpr int multiprocessors = 4;
inline constexpr int max_threads_per_multiprocessor = 2048;
inline constexpr int max_blocks_per_multiprocessor = 32;
inline constexpr int shared_per_multiprocessor = 228 << 10;
// Returns how many blocks of `threads` threads with so much shared memory, static and dynamic, fit on one.
int blocks_per_multiprocessor(int threads, std::size_t shared_bytes);

}  // namespace simt
