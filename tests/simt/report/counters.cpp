// Implements the functions that tests set and ask, and the entry points of device code.
#include <atomic>
#include <cstdlib>
#include <mutex>

#include "checks/sources.h"
#include "machine/block.h"
#include "report/ending.h"
#include "runtime/pinned.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

struct Entry {
  const void* kernel;
  const char* library_call;
};

bool is_off(const char* variable) {
  const char* const text = std::getenv(variable);
  return text != nullptr && std::string(text) == "0";
}

struct State {
  std::mutex mutex;
  Stats stats;
  std::vector<Entry> log;
  std::uint64_t seed = 1, seed_version = 1;
  std::atomic<bool> float_atomics = !is_off("SIMT_FLOAT_ATOMICS"), same_values = !is_off("SIMT_SAME_VALUES");

  State() {
    if (const char* text = std::getenv("SIMT_SEED")) seed = std::strtoull(text, nullptr, 10);
  }
  void add(Entry entry) {
    if (log.size() < (std::size_t(1) << 20)) log.push_back(entry);
  }
};

State& state() {
  static State instance;
  return instance;
}

std::string report(const std::string& kernel, uint3 block, uint3 thread, const std::string& text) {
  if (kernel.empty()) return text;
  return kernel + ", block " + text_of(block) + ", thread " + text_of(thread) + ": " + text;
}

}  // namespace

Violation::Violation(Check broken, std::string kernel_name, uint3 block_index, uint3 thread_index,
                     const std::string& text)
    : std::runtime_error(report(kernel_name, block_index, thread_index, text)),
      check(broken),
      kernel(std::move(kernel_name)),
      block(block_index),
      thread(thread_index) {
  end_if_wanted(check, what());
}

void set_seed(std::uint64_t seed) {
  const std::lock_guard lock(state().mutex);
  state().seed = seed;
  ++state().seed_version;
}

bool checks_accesses() { return watched; }

void allow_float_atomics(bool allowed) { state().float_atomics = allowed; }
bool float_atomics_allowed() { return state().float_atomics; }
void allow_same_values(bool allowed) { state().same_values = allowed; }
bool same_values_allowed() { return state().same_values; }

std::uint64_t current_seed(std::uint64_t* version) {
  const std::lock_guard lock(state().mutex);
  *version = state().seed_version;
  return state().seed;
}

Stats stats() {
  const std::lock_guard lock(state().mutex);
  return state().stats;
}

std::vector<std::string> launch_log() {
  const std::lock_guard lock(state().mutex);
  std::vector<std::string> names;
  for (const auto& entry : state().log)
    names.push_back(entry.kernel != nullptr ? kernel_name(entry.kernel) : entry.library_call);
  return names;
}

void reset_stats() {
  const std::lock_guard lock(state().mutex);
  state().stats = {};
  state().log.clear();
}

void log_kernel(const void* kernel) {
  const std::lock_guard lock(state().mutex);
  ++state().stats.launches;
  state().add({kernel, nullptr});
}

void log_library_call(const char* name) {
  const std::lock_guard lock(state().mutex);
  ++state().stats.library_calls;
  state().add({nullptr, name});
}

void count_copy() {
  const std::lock_guard lock(state().mutex);
  ++state().stats.copies;
}

void count_barrier() {
  const std::lock_guard lock(state().mutex);
  ++state().stats.barriers;
}

void count_threads(std::uint64_t threads) {
  const std::lock_guard lock(state().mutex);
  state().stats.threads += threads;
}

void run_grid(const Grid& grid) {
  const OpenPinned open;
  machine().run(grid);
  pinned_kernel_ran();
}
void* dynamic_shared_memory() { return machine().shared(); }

// Calls are told apart by their frames, which the kernel's code keeps for this.
#define SIMT_CALLS calls_from(__builtin_frame_address(0), machine().fiber()->base())
int block_barrier(bool predicate, Where where) { return machine().barrier(predicate, where, SIMT_CALLS); }
std::uint64_t warp_collective(Collective kind, unsigned mask, std::uint64_t value, int operand, int width,
                              Where where) {
  return machine().collective(kind, mask, value, operand, width, where, SIMT_CALLS);
}
unsigned warp_gather(Collective kind, unsigned mask, std::uint64_t value, std::uint64_t* all, Where where) {
  return unsigned(machine().collective(kind, mask, value, 0, 32, where, SIMT_CALLS, all));
}
unsigned active_lanes(Where where) { return machine().active_lanes(where, SIMT_CALLS); }
void grid_barrier(Where where) { machine().grid_barrier(where); }
bool is_cooperative() { return machine().grid() != nullptr && machine().grid()->cooperative; }

std::uint64_t device_clock(unsigned nanoseconds) {
  static std::atomic<std::uint64_t> time = 1;
  if (machine().running()) {
    machine().preempt();
    if (nanoseconds == 0) machine().note_change();
  }
  return time += 64 + 2 * std::uint64_t(nanoseconds);
}
void preemption_point() {
  if (machine().running()) machine().preempt();
}
void enter_kernel(const void* parameters, std::size_t bytes) {
  machine().enter(parameters, bytes, *static_cast<const void* const*>(__builtin_frame_address(0)));
}
void atomic_access(const void* address, std::size_t bytes, AtomicKind kind, Scope scope, const void* place) {
  machine().note_atomic(address, bytes, kind, scope, place);
}
void atomic_done(const void* address, AtomicKind kind, Scope scope, MemoryOrder order) {
  machine().note_atomic_done(address, kind, scope, order);
}
void memory_fence(Scope scope) {
  preemption_point();
  machine().fence(scope);
}
void device_violation(const char* text, int number, const char* rest) {
  watching = nullptr;
  machine().fail(machine().current(), Check::api, text + std::to_string(number) + rest);
}

}  // namespace simt
