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

// Where in the source a thread waits. It is the last parameter's default in every function that may wait.
struct Where {
  const char* file = "";
  int line = 0;
  static constexpr Where current(const char* file_name = __builtin_FILE(),
                                 int line_number = __builtin_LINE()) {
    return {file_name, line_number};
  }
};

// What a rule is about. simt-run --check takes these names.
enum class Check : std::uint8_t { race, bounds, init, sync, order, leak, api };

// Reports that a kernel broke a rule of the execution model; thrown from the call that ran the kernel.
class Violation : public std::runtime_error {
 public:
  Violation(Check broken, std::string kernel_name, uint3 block_index, uint3 thread_index,
            const std::string& text);
  // A library call, or the host, is at fault.
  Violation(Check broken, const std::string& text) : Violation(broken, {}, {}, {}, text) {}
  Check check;
  std::string kernel;  // empty if no kernel is at fault
  uint3 block, thread;
};

// Sets the seed of the order in which blocks, warps and threads run; 0 means index order. Initially the seed
// is that of the environment variable SIMT_SEED, or 1. A seed starts the same sequence of orders
// every time.
void set_seed(std::uint64_t seed);

// Turns late mode on or off. In late mode, queued work starts only when a call has to wait for it, and
// streams interleave at random. It is on initially if the environment variable SIMT_LATE is 1.
// Turning it off runs what is queued.
void set_late(bool late);

struct Stats {
  std::uint64_t launches = 0;       // kernels launched
  std::uint64_t library_calls = 0;  // matrix products
  std::uint64_t copies = 0;         // memcpy and memset calls
  std::uint64_t barriers = 0;       // block barriers completed
  std::uint64_t threads = 0;        // device threads run
};
Stats stats();
// Returns the names of kernels and library calls in the order of the calls, since the last reset; at most the
// first 2^20.
std::vector<std::string> launch_log();
void reset_stats();

// Returns the bytes of cudaMalloc'ed memory that are allocated now.
std::size_t device_bytes();
// Sets the size of device memory, which is 2 GiB initially and at most.
void set_device_capacity(std::size_t bytes);

// -- what tests and pools tell and ask the access checks; the README says what these find --

// Makes floating-point atomicAdd legal (initially, unless SIMT_FLOAT_ATOMICS=0) or a Violation.
void allow_float_atomics(bool allowed);
bool float_atomics_allowed();
// Makes it legal (initially, unless SIMT_SAME_VALUES=0) or a Violation that threads of one launch write the
// same value to the same bytes, and nothing orders them.
void allow_same_values(bool allowed);
bool same_values_allowed();

// Makes `bytes` bytes of this device allocation exist from now on, in the order of the stream; none of them
// is written, and the rest of the allocation does not exist. It is for pools that hand out blocks again, and
// take them back with 0 bytes.
void mark_undefined(void* pointer, std::size_t bytes, CUstream_st* stream);
// Returns how many of the bytes of device memory were never written until now; waits for nothing.
std::size_t undefined_bytes(const void* pointer, std::size_t bytes);
// Copies what device memory holds now, for tests of late work; waits for nothing and checks nothing.
void peek(void* to, const void* from, std::size_t bytes);
// Turns the checks of accesses off, or on again. Off, kernels run several times faster, and counts stay the
// same. What was written meanwhile is taken for written, and ordered before all that follows.
void set_checks(bool on);
// Returns whether the kernels were compiled with the access checks.
bool checks_accesses();
// Leaves the alignment of 16 bytes to the compiler's own check (-fsanitize=alignment), which knows types: a
// float4 needs an address that is a multiple of 16, a record of two doubles one of 8. Returns true.
bool leave_alignment_to_types();
#if SIMT_ALIGNMENT_BY_TYPE
inline const bool alignment_is_left_to_types = leave_alignment_to_types();
#endif

// Traffic of all warps. A request is one instruction of a warp, a sector is 32 bytes of device memory.
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
  std::uint64_t partial_instructions = 0;  // made by only some of a warp's lanes
  std::uint64_t bytes_touched = 0;         // of device memory, in sectors, each once in a launch
  // The most times that a thread of one block waited for loads of device memory, one wait after the other, by
  // launch: a load waits anew behind a store or a barrier, and behind eight loads that wait together.
  std::uint64_t load_waits = 0;

  KernelProfile& operator+=(const KernelProfile& other);
  bool operator==(const KernelProfile&) const = default;
};
// Starts counting anew, or stops. Counting is slow.
void profile(bool on);
// Returns the counts of a kernel by its name in launch_log; zeros if it did not run.
KernelProfile kernel_profile(const std::string& name);
std::vector<std::string> profiled_kernels();
// Returns how many bytes of device memory were touched since profile(true), in sectors, by kernels, copies
// and libraries, each once.
std::uint64_t profiled_bytes();

// -- device side --

// Returns the block's dynamic shared memory, which is 1024-byte aligned and filled with 0xFF at the start of
// every block; null if the launch asked for none.
void* dynamic_shared_memory();

// Waits for every thread of the block; returns how many of them passed a true predicate.
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
  shfl_xor,
  match,
  reduce
};
// Waits for the lanes of `mask`. shfl* return the bits of the lane's source, ballot the lanes with value !=
// 0. Matrix functions need all 32 lanes: load and store pass address, leading dimension and element size, a
// product passes its LaneMatrices.
std::uint64_t warp_collective(Collective kind, unsigned mask, std::uint64_t value, int operand, int width,
                              Where where);

// Does the same, and gives every lane the values of all of them, by lane. Returns the lanes that met.
unsigned warp_gather(Collective kind, unsigned mask, std::uint64_t value, std::uint64_t* all, Where where);

// What a lane gives to a product of matrices, and d = a b + c, which it receives. Depth 8 means tf32.
struct LaneMatrices {
  float a[8], b[8], c[8], d[8];
  int depth;
};
// Returns the element of a fragment that a lane holds in a slot; outer is the row of a and c, the column of
// b. The distribution is the hardware's with lanes and slots renumbered, so that code that relies on it
// fails.
struct MatrixElement {
  int outer, inner;
};
constexpr MatrixElement matrix_element(int lane, int slot, int slots) {
  lane = (5 * lane + 11) % 32;
  slot = slots - 1 - slot;
  if (slots == 4) return {lane / 4 + 8 * (slot % 2), lane % 4 + 4 * (slot / 2)};
  return {lane / 4 + 8 * (slot / 2 % 2), 2 * (lane % 4) + slot % 2 + 8 * (slot / 4)};
}

// Waits until no other lane of the warp can come here; returns those that came.
unsigned active_lanes(Where where);

// Waits for all blocks of a grid; one thread of each calls it.
void grid_barrier(Where where);
// Returns whether the grid was launched so that its blocks may wait for each other.
bool is_cooperative();

// Clusters: blocks that run at the same time and reach each other's shared memory. Arrives at the barrier of
// the cluster, and waits until all of its threads have arrived.
void cluster_arrive(Where where);
void cluster_wait(Where where);
// Returns the address at which the caller's shared variable is in the cluster's block of that rank.
void* map_shared(const void* own, unsigned rank, Where where);
// Returns the rank of the block whose shared memory holds the address.
unsigned rank_of_shared(const void* address);
dim3 cluster_dim();

// Waits for the kernel that a launch with programmatic stream serialisation may have overtaken.
void wait_for_dependency();

// Returns the time after `nanoseconds` of sleep. Time passes only here.
std::uint64_t device_clock(unsigned nanoseconds);

// Ends the calling thread, as a return from the kernel does.
[[noreturn]] void exit_thread();

// A point where another thread may go first.
void preemption_point();

// Starts the body of a kernel; from then on its accesses are checked. It may read its parameters.
void enter_kernel(const void* parameters, std::size_t bytes);

// Whom a fence or an atomic operation holds for: the threads of the block, or all of the system's.
enum class Scope : std::uint8_t { block, device };
// CUDA's own atomic functions have no order. They order what is behind a fence, and a load in them acquires.
enum class MemoryOrder : std::uint8_t { unspecified, relaxed, acquire, release, acquire_release };
enum class AtomicKind : std::uint8_t { read, write, update, float_update };

// Is called before an atomic operation on the address by the code at `place`.
void atomic_access(const void* address, std::size_t bytes, AtomicKind kind, Scope scope, const void* place);
// Is called when the operation is done; `kind` is read if it has stored nothing.
void atomic_done(const void* address, AtomicKind kind, Scope scope, MemoryOrder order);
void memory_fence(Scope scope);

// Stops the calling thread with a Violation of how CUDA is used.
[[noreturn]] void device_violation(const char* text, int number, const char* rest);

// -- host side, for the launch API and the library stand-ins --

// Returns a kernel's name for reports: demangled, without return type, parameters and anonymous namespaces.
std::string kernel_name(const void* kernel);
// Returns its mangled name; empty if the symbol table has none.
std::string kernel_symbol(const void* kernel);
// Shortens `each_element<a::Lift<float> >`, written with its namespaces, to `each_element<Lift>`.
std::string short_name(const std::string& kernel);

struct Grid {
  const void* kernel = nullptr;
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  bool cooperative = false;
  std::function<void()> body;  // runs one thread
  dim3 cluster = {};           // the blocks of a cluster
};
void run_grid(const Grid& grid);

}  // namespace simt
