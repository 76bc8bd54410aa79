// What the parts of the runtime stand-in share: queued work, the registry of memory, counters.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "simt/runtime_api.h"
#include "tests/simt/order.h"

namespace simt {

// Work in queues; an id grows with the order of the calls.
using TaskId = std::uint64_t;

}  // namespace simt

namespace simt {
struct Capture;
}

struct CUstream_st {
  bool blocking = true;  // ordered with the legacy default stream
  simt::TaskId last = 0;
  simt::Capture* capture = nullptr;  // while the stream is captured
  std::size_t captured_last = 0;     // node after which its next one comes, from 1
  std::uint32_t number = simt::order::new_stream();
  std::uint64_t queued = 0;    // pieces of work
  simt::order::Clock clock{};  // after all of them
};

struct CUevent_st {
  bool timing = true;
  bool recorded = false;
  simt::TaskId task = 0;
  double milliseconds = 0;
  simt::Capture* capture = nullptr;  // recorded inside it, after node captured_last
  std::size_t captured_last = 0;
  simt::order::Clock clock{};  // of what it was recorded behind
};

namespace simt {

// Guards everything below; recursive, because queued work calls back.
std::recursive_mutex& runtime_mutex();

// False for a handle that no create call returned or that was destroyed.
bool is_stream(cudaStream_t stream);
bool is_event(cudaEvent_t event);

// Queues work behind the stream's earlier work; runs it at once unless late. `behind`: a task, or where the
// stream is captured a node, that it follows as well, without being ordered with it where accesses are
// checked.
TaskId enqueue(cudaStream_t stream, std::function<void()> work, std::size_t behind = 0);
void finish(TaskId task);  // returns when the task and all that it follows are done
void finish_stream(cudaStream_t stream);
void finish_all();
bool is_done(TaskId task);
// The host waited for what the clock holds, and may now touch pinned memory that it used.
void host_waited_for(const order::Clock& clock);
// Runs some queued task, if there is one.
void progress();

enum class MemoryKind { device, pinned };
// The whole of [pointer, pointer + bytes) lies in one live allocation of that kind.
bool is_inside(const void* pointer, std::size_t bytes, MemoryKind kind);
// The pointer is the host's: neither it nor the range's end is in device memory.
bool is_host(const void* pointer, std::size_t bytes);
// `byte 12 of an allocation of 400 bytes`, or the nearest allocation.
std::string describe_device_address(const void* pointer);
// A Violation where a library call is given memory that the device cannot reach, or too little of it.
void require_device(const void* pointer, std::size_t bytes, const char* call, const char* argument);

// -- graphs --

// Adds work to the graph that the stream is captured into.
void capture(CUstream_st& stream, std::function<void()> work, std::size_t behind);
// Captures that have begun and not ended; where there are some, the call may not be made: they are
// invalidated, and the call returns this error instead of working.
cudaError_t refuse_while_capturing();
// The same for one stream.
cudaError_t refuse_where_captured(cudaStream_t stream);
CUstream_st& stream_of(cudaStream_t stream);
// cudaStreamWaitEvent where the event or the stream is captured.
cudaError_t wait_in_capture(cudaStream_t stream, cudaEvent_t event);
// False where the stream is not captured; ends what the event knew of an earlier capture.
bool record_in_capture(cudaEvent_t event, cudaStream_t stream);

// Notes the error for cudaGetLastError and returns it.
cudaError_t result(cudaError_t error);

void log_kernel(const void* kernel);
void log_library_call(const char* name);
void count_copy();

// The largest dynamic shared memory that a kernel may be launched with.
std::size_t shared_limit(const void* kernel);

inline constexpr std::size_t most_device_capacity = std::size_t(2) << 30;
std::size_t device_capacity();
inline constexpr int shared_default = 48 << 10;
inline constexpr int shared_optin = 227 << 10;
inline constexpr int multiprocessors = 4;

}  // namespace simt
