// Schedules a block's threads: start, wait, wake, return, and the block barrier.
#include "machine/block.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>
#include <utility>

constinit thread_local uint3 threadIdx = {0, 0, 0};
constinit thread_local uint3 blockIdx = {0, 0, 0};
constinit thread_local dim3 blockDim = {};
constinit thread_local dim3 gridDim = {};

namespace simt {
namespace {

// Is thrown on a fiber's small stack. It becomes a Violation on the host's stack, where a name can be
// demangled.
struct Fault {
  uint3 thread;
  std::string text;
  const void* place = nullptr;  // address in the code, if known
};

// Thrown by a thread that ends inside of a function.
struct Exit {};

}  // namespace

std::uint64_t Random::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

void ReadyQueue::push_behind(int thread) {
  if (order_ == Order::first) return push(thread);
  head_ = (head_ + capacity - 1) % capacity;
  slots_[head_] = std::uint16_t(thread);
  ++count_;
}

int ReadyQueue::pop(Random& random) {
  const unsigned last = (head_ + --count_) % capacity;
  if (order_ == Order::first) return slots_[std::exchange(head_, (head_ + 1) % capacity)];
  if (order_ == Order::any) std::swap(slots_[last], slots_[(head_ + random.below(count_ + 1)) % capacity]);
  return slots_[last];
}

void Machine::FreeDeleter::operator()(void* p) const { std::free(p); }

Machine& machine() {
  thread_local Machine instance;
  return instance;
}

void Machine::run(const Grid& grid) {
  if (running()) fail(current_, "a kernel was launched from inside a kernel");
  prepare(grid);
  const std::uint64_t blocks = std::uint64_t(grid.grid.x) * grid.grid.y * grid.grid.z;
  // Runs block i * step + offset, which visits all blocks if step and the number of blocks have no common
  // factor.
  std::uint64_t step = 1, offset = 0;
  if (seed_ != 0 && blocks > 1) {
    offset = random_.next() % blocks;
    do step = 1 + random_.next() % blocks;
    while (std::gcd(step, blocks) != 1);
  }
  for (std::uint64_t i = 0, block = offset; i < blocks; ++i, block = (block + step) % blocks) {
    start_block(block);
    run_block();
    if (error_) abandon();
    watch_.end_block();
  }
  watch_.end_launch();
  grid_ = nullptr;
  count_threads(blocks * std::uint64_t(size_));
}

void Machine::prepare(const Grid& grid) {
  std::uint64_t version = 0;
  const std::uint64_t seed = current_seed(&version);
  if (version != seed_version_) random_.seed(seed);
  seed_ = seed;
  seed_version_ = version;
  void* shared = nullptr;
  if (grid.shared_bytes > 0 && ::posix_memalign(&shared, 1024, grid.shared_bytes) != 0)
    throw std::bad_alloc();
  shared_.reset(shared);
  watch_.start_launch(grid);
  watch_.set_shared(shared, grid.shared_bytes);
  grid_ = &grid;
  blockDim = grid.block;
  gridDim = grid.grid;
  size_ = int(grid.block.x * grid.block.y * grid.block.z);
  threads_.resize(std::size_t(size_));
  order_.resize(std::size_t(size_));
  warps_.resize(std::size_t(size_ + 31) / 32);
  std::iota(order_.begin(), order_.end(), std::uint16_t(0));
  uint3 index = {0, 0, 0};
  for (auto& thread : threads_) {
    thread.index = index;
    if (++index.x < grid.block.x) continue;
    index.x = 0;
    if (++index.y < grid.block.y) continue;
    index.y = 0;
    ++index.z;
  }
}

void Machine::start_block(std::uint64_t block) {
  const std::uint64_t row = block / grid_->grid.x;
  block_ = block;
  blockIdx = {unsigned(block % grid_->grid.x), unsigned(row % grid_->grid.y), unsigned(row / grid_->grid.y)};
  if (shared_ != nullptr) std::memset(shared_.get(), 0xff, grid_->shared_bytes);
  watch_.start_block();
  for (auto& thread : threads_) thread.state = State::fresh;
  for (auto& warp : warps_) warp = {};
  if (size_ % 32 != 0) warps_.back().returned = ~0u << (size_ % 32);
  live_ = size_;
  waiting_ = 0;
  returned_example_ = waiting_example_ = -1;
  ready_.clear(seed_ == 0 ? ReadyQueue::Order::first : ReadyQueue::Order(random_.below(3)));
  wake_block();
}

// Makes every thread ready, in random order.
void Machine::wake_block() {
  if (seed_ != 0)
    for (std::uint32_t i = std::uint32_t(size_); i > 1; --i)
      std::swap(order_[i - 1], order_[random_.below(i)]);
  for (const int thread : order_) ready_.push(thread);
}

void Machine::run_block() {
  assigned_ = ready_.pop(random_);
  active_ = &host_;
  switch_to(idle_fiber());
}

// Drops the half-run threads where they stand, after a violation.
void Machine::abandon() {
  idle_.clear();
  for (const auto& fiber : fibers_) {
    fiber->reset();
    idle_.push_back(fiber.get());
  }
  const void* kernel = std::exchange(grid_, nullptr)->kernel;
  watch_.end_launch();
  current_ = -1;
  try {
    std::rethrow_exception(std::exchange(error_, nullptr));
  } catch (const Fault& fault) {
    const std::string place = fault.place != nullptr ? " (" + describe_place(fault.place) + ")" : "";
    throw Violation(kernel_name(kernel), blockIdx, fault.thread, fault.text + place);
  }
}

Fiber& Machine::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(&Machine::fiber_entry));
    return *fibers_.back();
  }
  Fiber& fiber = *idle_.back();
  idle_.pop_back();
  return fiber;
}

void Machine::switch_to(Fiber& fiber) {
  Fiber& from = *active_;
  active_ = &fiber;
  Fiber::switch_to(from, fiber);
}

void Machine::fiber_entry() {
  Machine& self = machine();
  fiber_entered(*self.active_);
  for (;;) self.work();
}

// Runs threads that have not started one after the other on this stack, then lends the stack to one that has
// to wait.
void Machine::work() {
  int thread = assigned_;
  while (thread >= 0 && !error_) {
    run_thread(thread);
    if (error_) break;
    thread = next_or_finish();
    if (thread < 0 || threads_[std::size_t(thread)].state == State::fresh) continue;
    idle_.push_back(active_);
    return switch_to(*threads_[std::size_t(thread)].fiber);
  }
  if (!error_) idle_.push_back(active_);
  switch_to(host_);
}

void Machine::run_thread(int thread) {
  Thread& t = threads_[std::size_t(thread)];
  t.fiber = active_;
  t.state = State::ready;
  current_ = thread;
  threadIdx = t.index;
  watching = nullptr;  // until the kernel has started
  try {
    try {
      grid_->body();
    } catch (const Exit&) {
    }
    watching = nullptr;
    finish_thread(current_);
  } catch (...) {
    watching = nullptr;
    error_ = std::current_exception();
  }
}

void Machine::finish_thread(int thread) {
  Thread& t = threads_[std::size_t(thread)];
  if (!active_->intact()) fail(thread, "the thread needs more stack than the emulator has");
  t.state = State::returned;
  --live_;
  returned_example_ = thread;
  if (waiting_ > 0)
    fail(thread,
         "barrier divergence: the thread returned while others wait at a barrier, " + waiting_report());
  Warp& warp = warps_[std::size_t(thread / 32)];
  warp.returned |= 1u << (thread % 32);
  for (unsigned lanes = warp.waiting; lanes != 0; lanes &= lanes - 1) {
    const int lane = __builtin_ctz(lanes);
    const Thread& other = threads_[std::size_t(thread / 32 * 32 + lane)];
    if (other.state == State::in_collective && try_complete(thread / 32, other.mask)) break;
  }
}

// Returns the next ready thread, or -1 if the block is done. A block that has neither is deadlocked.
int Machine::next_or_finish() {
  if (!ready_.empty()) return ready_.pop(random_);
  if (live_ == 0) return -1;
  try {
    fail(current_, "deadlock: the thread returned and no other can go on, " + waiting_report());
  } catch (...) {
    error_ = std::current_exception();
  }
  return -1;
}

// Switches to another thread; returns when this thread has been made ready and is chosen again.
void Machine::suspend() {
  const int self = current_;
  if (active_->is_nearly_full()) fail(self, "the thread needs more stack than the emulator has");
  if (ready_.empty()) fail(self, "deadlock: no thread of the block can go on, " + waiting_report());
  const int next = ready_.pop(random_);
  if (next != self) {
    if (threads_[std::size_t(next)].state == State::fresh) {
      assigned_ = next;
      switch_to(idle_fiber());
    } else {
      switch_to(*threads_[std::size_t(next)].fiber);
    }
  }
  current_ = self;
  threadIdx = threads_[std::size_t(self)].index;
  watch(self);
  threads_[std::size_t(self)].state = State::ready;
}

void Machine::watch(int thread) {
  watch_.set_thread(thread, reinterpret_cast<std::uintptr_t>(active_->stack()), active_->stack_size());
}

void Machine::enter(const void* parameters, std::size_t bytes) {
  if (!running()) return;
  watch_.set_parameters(parameters, bytes);
  watch(current_);
  watching = watch_.wanted() ? &watch_ : nullptr;
}

void Machine::note_atomic(const void* address, std::size_t bytes, bool adds_floats, const void* place) {
  if (!running()) return;
  if (!watched) {
    if (adds_floats && !float_atomics_allowed()) fail(current_, "a floating-point atomic");
    return;
  }
  const Unwatched emulator;
  if (!watch_.wanted()) return;
  watch_.access(reinterpret_cast<std::uintptr_t>(address), bytes,
                adds_floats ? AccessKind::float_atomic : AccessKind::atomic, place);
}

int Machine::barrier(bool predicate, Where where) {
  const Unwatched emulator;
  Thread& self = threads_[std::size_t(current_)];
  self.state = State::at_barrier;
  self.predicate = predicate;
  self.where = where;
  if (live_ < size_)
    fail(current_, "barrier divergence: the thread waits at " + describe(where) + " and thread " +
                       std::to_string(returned_example_) + " of the block has returned");
  if (waiting_ == 0) {
    waiting_example_ = current_;
  } else if (const Where other = threads_[std::size_t(waiting_example_)].where;
             other.line != where.line || std::strcmp(other.file, where.file) != 0) {
    fail(current_, "barrier divergence: the thread waits at " + describe(where) + " and thread " +
                       std::to_string(waiting_example_) + " of the block at " + describe(other));
  }
  if (++waiting_ == size_) {
    waiting_ = 0;
    count_barrier();
    watch_.barrier();
    int votes = 0;
    for (const auto& thread : threads_) votes += thread.predicate;
    for (auto& thread : threads_) {
      thread.result = std::uint64_t(votes);
      thread.state = State::ready;
    }
    wake_block();
  }
  suspend();
  return int(self.result);
}

// Varies the order of arrival with the seed. Every 64th time another thread certainly goes first, so that a
// loop that waits for another thread's atomic operation ends.
void Machine::preempt() {
  const Unwatched emulator;
  const bool forced = ++preempt_ % 64 == 0;
  if (ready_.empty() || (!forced && (seed_ == 0 || random_.below(4) != 0))) return;
  ready_.push_behind(current_);
  suspend();
}

unsigned Machine::active_lanes() const {
  const int first = current_ / 32 * 32;
  unsigned lanes = 0;
  for (int i = first; i < std::min(first + 32, size_); ++i) {
    const State state = threads_[std::size_t(i)].state;
    if (state == State::fresh || state == State::ready) lanes |= 1u << (i - first);
  }
  return lanes;
}

void Machine::fail(int thread, const std::string& text) const {
  watching = nullptr;
  throw Fault{threads_[std::size_t(thread)].index, text};
}

void Machine::break_off(const std::string& text, const void* place) {
  error_ = std::make_exception_ptr(Fault{threads_[std::size_t(current_)].index, text, place});
  for (;;) switch_to(host_);
}

// Names one waiting thread of each kind of wait.
std::string Machine::waiting_report() const {
  int at_barrier = 0, in_collective = 0;
  const Thread *barrier = nullptr, *collective = nullptr;
  for (const auto& thread : threads_) {
    if (thread.state == State::at_barrier) ++at_barrier, barrier = &thread;
    if (thread.state == State::in_collective) ++in_collective, collective = &thread;
  }
  std::string text = std::to_string(at_barrier) + " at a barrier";
  if (barrier != nullptr) text += " (" + describe(barrier->where) + ")";
  text += ", " + std::to_string(in_collective) + " in warp collectives";
  if (collective != nullptr)
    text += std::string(" (") + name_of(collective->kind) + " at " + describe(collective->where) + ")";
  return text;
}

void exit_thread() {
  watching = nullptr;
  throw Exit{};
}

std::string describe(Where where) {
  const std::string file = where.file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line);
}

}  // namespace simt
