// The emulator's own interface: what device code calls to meet other threads, and what tests set and ask.
#pragma once
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "simt/vectors.h"

struct CUstream_st;

namespace simt {

// Where in the source a thread waits: the default of the last parameter of whatever may wait.
struct Where {
  const char* file = "";
  int line = 0;
  static constexpr Where current(const char* file_name = __builtin_FILE(),
                                 int line_number = __builtin_LINE()) {
    return {file_name, line_number};
  }
};

// A rule of the execution model that a kernel broke; thrown out of the call that ran the kernel.
class Violation : public std::runtime_error {
 public:
  Violation(std::string kernel_name, uint3 block_index, uint3 thread_index, const std::string& text);
  std::string kernel;  // empty where a library call is at fault
  uint3 block, thread;
};

// Seed of the order in which blocks, warps and threads run; 0 is index order. The start value is that of the
// environment variable STILLPOINT_SIMT_SEED, or 1. A seed starts the same sequence of orders every time.
void set_seed(std::uint64_t seed);

// Late: queued work starts only when a call has to wait for it, streams interleaved at random. The start
// value is true where the environment variable STILLPOINT_SIMT_LATE is 1. Turning it off runs what is queued.
void set_late(bool late);

struct Stats {
  std::uint64_t launches = 0;       // kernels launched
  std::uint64_t library_calls = 0;  // matrix products
  std::uint64_t copies = 0;         // memcpy and memset calls
  std::uint64_t barriers = 0;       // block barriers completed
  std::uint64_t threads = 0;        // device threads run
};
Stats stats();
// Names of kernels and library calls in the order of the calls, since the last reset; the first 2^20 of them.
std::vector<std::string> launch_log();
void reset_stats();

// Bytes of cudaMalloc'ed memory now allocated.
std::size_t device_bytes();
// How much there is; 2 GiB at first and at most.
void set_device_capacity(std::size_t bytes);

// -- what the access checks are told and asked; see the README for what they find --

// Floating-point atomicAdd is a Violation unless this is true.
void allow_float_atomics(bool allowed);
bool float_atomics_allowed();

// In the order of the stream: from now on `bytes` bytes of this device allocation exist, none of them
// written, and the rest of the allocation does not. For pools that hand out blocks again, and take them back
// with 0 bytes.
void mark_undefined(void* pointer, std::size_t bytes, CUstream_st* stream);
// How many of the bytes of device memory were never written, now; waits for nothing.
std::size_t undefined_bytes(const void* pointer, std::size_t bytes);
// What device memory holds now, for tests of late work; waits for nothing and checks nothing.
void peek(void* to, const void* from, std::size_t bytes);
// True where the kernels are compiled with the access checks.
bool checks_accesses();

// Of all warps: a request is one instruction of a warp, a sector is 32 bytes of device memory.
struct GlobalTraffic {
  std::uint64_t requests = 0, sectors = 0, bytes_requested = 0, bytes_moved = 0;
  bool operator==(const GlobalTraffic&) const = default;
};
struct KernelProfile {
  std::uint64_t launches = 0, blocks = 0;
  GlobalTraffic loads, stores;
  std::uint64_t shared_requests = 0;
  std::uint64_t shared_wavefronts = 0;  // passes through the 32 banks
  std::uint64_t bank_conflicts = 0;     // of these, those that another layout would save
  std::uint64_t barriers = 0;
  std::uint64_t instructions = 0;          // loads and stores
  std::uint64_t partial_instructions = 0;  // of these, made by a part of the warp's lanes only

  KernelProfile& operator+=(const KernelProfile& other);
  bool operator==(const KernelProfile&) const = default;
};
// Counts from now on, anew, or no longer. Slow.
void profile(bool on);
// By the name that launch_log has; zeros for a kernel that did not run.
KernelProfile kernel_profile(const std::string& name);
std::vector<std::string> profiled_kernels();

// -- device side --

// The block's dynamic shared memory, 1024-byte aligned and filled with 0xFF at the start of every block;
// null where the launch asked for none.
void* dynamic_shared_memory();

// Waits for every thread of the block; returns how many of them gave a true predicate.
int block_barrier(bool predicate, Where where);

enum class Collective : std::uint8_t {
  syncwarp,
  ballot,
  load_matrix,
  store_matrix,
  multiply_matrices,
  shfl,
  shfl_up,
  shfl_down,
  shfl_xor
};
// Waits for the lanes of `mask`. shfl*: the bits of the lane's source; ballot: lanes with value != 0.
// Matrices want all 32 lanes: load and store give address, leading dimension and element size, a product its
// LaneMatrices.
std::uint64_t warp_collective(Collective kind, unsigned mask, std::uint64_t value, int operand, int width,
                              Where where);

// What a lane brings to a product of matrices, and d = a b + c, which it takes from it. Depth 8 is tf32.
struct LaneMatrices {
  float a[8], b[8], c[8], d[8];
  int depth;
};
// The element of a fragment that a lane holds in a slot: outer is the row of a and c, the column of b. The
// hardware's distribution with lanes and slots renumbered, so that what relies on it breaks.
struct MatrixElement {
  int outer, inner;
};
constexpr MatrixElement matrix_element(int lane, int slot, int slots) {
  lane = (5 * lane + 11) % 32;
  slot = slots - 1 - slot;
  if (slots == 4) return {lane / 4 + 8 * (slot % 2), lane % 4 + 4 * (slot / 2)};
  return {lane / 4 + 8 * (slot / 2 % 2), 2 * (lane % 4) + slot % 2 + 8 * (slot / 4)};
}

// Lanes of the caller's warp that have neither returned nor wait somewhere.
unsigned active_lanes();

// A point where another thread may go first.
void preemption_point();

// The body of a kernel starts here: from now on its accesses are checked. Its parameters may be read.
void enter_kernel(const void* parameters, std::size_t bytes);

// Before an atomic operation on the address, by the code at `place`.
void atomic_access(const void* address, std::size_t bytes, bool adds_floats, const void* place);

// Breaks the calling thread off with a Violation.
[[noreturn]] void device_violation(const char* text, int number, const char* rest);

// -- host side, for the launch API and the library stand-ins --

// Names of kernels for reports: demangled, without return type, parameters and anonymous namespaces.
std::string kernel_name(const void* kernel);

struct Grid {
  const void* kernel = nullptr;
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  std::function<void()> body;  // one thread
};
void run_grid(const Grid& grid);

}  // namespace simt
