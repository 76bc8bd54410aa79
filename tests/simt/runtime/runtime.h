// What the parts of the runtime stand-in share: queued work, the registry of memory, counters.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
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
  simt::TaskId last = 0;
  simt::Capture* capture = nullptr;  // set while the stream is captured
  std::size_t captured_last = 0;     // the node that its next one follows, from 1
  std::uint32_t number = simt::order::new_stream();
  std::uint64_t queued = 0;    // pieces of work
  simt::order::Clock clock{};  // after all of them
};

struct CUevent_st {
  bool timing = true;
  bool recorded = false;
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

// Queues work after the stream's earlier work; runs it at once unless the mode is late. A trace describes it
// by `piece`. `behind` is a task (or a node, if the stream is captured) that it follows as well, without
// being ordered with it for the checks of accesses.
TaskId enqueue(cudaStream_t stream, Piece piece, std::function<void()> work, std::size_t behind = 0);
void finish(TaskId task);  // returns when the task and all that it follows are done
void finish_stream(cudaStream_t stream);
void finish_all();
bool is_done(TaskId task);
// Notes that the host waited for what the clock holds, so that it may touch the pinned memory of that work.
void host_waited_for(const order::Clock& clock);
// Runs one queued task, if there is any.
void progress();
bool is_late();

enum class MemoryKind { device, pinned };
// Returns whether [pointer, pointer + bytes) lies in one live allocation of that kind.
bool is_inside(const void* pointer, std::size_t bytes, MemoryKind kind);
// Returns whether the range is the host's: neither its start nor its end is in device memory.
bool is_host(const void* pointer, std::size_t bytes);
// Returns `byte 12 of an allocation of 400 bytes`, or describes the nearest allocation.
std::string describe_device_address(const void* pointer);
// Throws a Violation if a library call gets memory that the device cannot reach, or too little of it.
void require_device(const void* pointer, std::size_t bytes, const char* call, const char* argument);

// -- graphs --

// Adds work to the graph into which the stream is captured.
void capture(CUstream_st& stream, Piece piece, std::function<void()> work, std::size_t behind);
// If any capture has begun and not ended, the call may not be made: the captures are invalidated, and the
// call must return this error instead of working.
cudaError_t refuse_while_capturing();
// Does the same for the captures of one stream.
cudaError_t refuse_where_captured(cudaStream_t stream);
CUstream_st& stream_of(cudaStream_t stream);
// Implements cudaStreamWaitEvent if the event or the stream is captured.
cudaError_t wait_in_capture(cudaStream_t stream, cudaEvent_t event);
// Returns false if the stream is not captured. Clears what the event held from an earlier capture.
bool record_in_capture(cudaEvent_t event, cudaStream_t stream);

// Keeps the error for cudaGetLastError and returns it.
cudaError_t result(cudaError_t error);

void log_kernel(const void* kernel);
void log_library_call(const char* name);
void count_copy();

// Returns the largest dynamic shared memory with which a kernel may be launched.
std::size_t shared_limit(const void* kernel);

inline constexpr std::size_t most_device_capacity = std::size_t(2) << 30;
std::size_t device_capacity();
inline constexpr int shared_default = 48 << 10;
inline constexpr int shared_optin = 227 << 10;
inline constexpr int multiprocessors = 4;

}  // namespace simt
