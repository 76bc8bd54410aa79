// Schedules a block's threads: start, wait, wake, return, and the block barrier.
#include "machine/block.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "checks/sources.h"
#include "machine/choices.h"
#include "machine/watchdog.h"

namespace simt {

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
  const bool drawn = is_drawn();  // counts in each order, so that equal numbers mean the same choice
  const unsigned last = (head_ + --count_) % capacity;
  if (order_ == Order::first || (order_ == Order::any && !drawn))
    return slots_[std::exchange(head_, (head_ + 1) % capacity)];
  if (order_ == Order::any) std::swap(slots_[last], slots_[(head_ + random.below(count_ + 1)) % capacity]);
  return slots_[last];
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
  int next = assigned_;
  while (next >= 0 && !error_) {
    run_thread(next);
    if (error_) break;
    next = next_or_finish();
    if (next < 0 || thread(next).state == State::fresh) continue;
    idle_.push_back(active_);
    return switch_to(*thread(next).fiber);
  }
  if (!error_) idle_.push_back(active_);
  switch_to(host_);
}

void Machine::run_thread(int index) {
  Thread& t = thread(index);
  t.fiber = active_;
  t.state = State::ready;
  t.left = t.waited = false;
  t.arrived = 0;
  current_ = index;
  threadIdx = t.index;
  watching = nullptr;  // until the kernel has started
  try {
    try {
      grid_->body();
    } catch (const Exit&) {
      thread(current_).left = true;
    }
    watching = nullptr;
    finish_thread(current_);
  } catch (...) {
    watching = nullptr;
    error_ = std::current_exception();
  }
}

void Machine::finish_thread(int index) {
  Thread& t = thread(index);
  watch_.settle();
  if (!active_->intact()) fail(index, Check::api, "the thread needs more stack than the emulator has");
  t.state = State::returned;
  note_change();
  Block& b = *block_;
  --b.live;
  if (b.live == 0) check_uses(b);
  if (!clusters_.empty()) leave_cluster_barrier(t);
  if (b.returned_example < 0 || !t.left) b.returned_example = index;
  if (b.waiting > 0 && b.waiting == b.live) complete_barrier();
  const int number = index / 32;
  Warp& warp = b.warps[std::size_t(number)];
  warp.returned |= 1u << (index % 32);
  for (unsigned lanes = warp.waiting; lanes != 0; lanes &= lanes - 1) {
    const Thread& other = thread(number * 32 + __builtin_ctz(lanes));
    if (other.state == State::in_collective && try_complete(number, other.mask)) break;
  }
  if (warp.asking != 0) answer_active_masks(number, false);
}

// Returns the next ready thread, or -1 if the block is done or waits for others. A block that has neither is
// deadlocked.
int Machine::next_or_finish() {
  Block& b = *block_;
  if (!b.ready.empty()) return b.ready.pop(random_);
  if (b.live == 0) return -1;
  if (waits_for_blocks()) {
    parks_ = true;
    return -1;
  }
  try {
    fail(current_, Check::sync, "deadlock: the thread returned and no other can go on, " + waiting_report());
  } catch (...) {
    error_ = std::current_exception();
  }
  return -1;
}

void Machine::refuse_depth() {
  break_off(Check::api, "the thread needs more stack than the emulator has", nullptr);
}

void Machine::refuse_deadlock() {
  break_off(Check::sync, "deadlock: no thread of the block can go on, " + waiting_report(), nullptr);
}

// Switches to another thread; returns when this thread has been made ready and is chosen again.
void Machine::suspend() {
  const int self = current_;
  Block* const own = block_;
  watch_.settle();
  if (active_->is_nearly_full()) refuse_depth();
  if (own->ready.empty() && !parks_) {
    if (!waits_for_blocks()) refuse_deadlock();
    parks_ = true;
  }
  if (parks_) {
    switch_to(host_);
  } else if (const int next = own->ready.pop(random_); next != self) {
    prefetch_next();
    if (thread(next).state == State::fresh) {
      assigned_ = next;
      switch_to(idle_fiber());
    } else {
      switch_to(*thread(next).fiber);
    }
  }
  current_ = self;
  threadIdx = thread(self).index;
  watch(self);
  thread(self).state = State::ready;
}

void Machine::watch(int index) {
  watch_.set_waited(thread(index).waited);
  watch_.set_thread(index, reinterpret_cast<std::uintptr_t>(active_->stack()), active_->stack_size());
}

void Machine::enter(const void* parameters, std::size_t bytes, const void* caller) {
  if (!running()) return;
  active_->set_base(caller);
  watch_.set_parameters(parameters, bytes);
  watch(current_);
  watching = watch_.wanted() ? &watch_ : nullptr;
}

void Machine::note_atomic(const void* address, std::size_t bytes, AtomicKind kind, Scope scope,
                          const void* place) {
  if (!running()) return;
  if (!watched) {
    if (kind == AtomicKind::float_update && !float_atomics_allowed())
      fail(current_, Check::api, "a floating-point atomic");
  } else {
    const Unwatched emulator;
    if (watch_.wanted())
      watch_.access(reinterpret_cast<std::uintptr_t>(address), bytes, access_of(kind), place, scope);
  }
  remember_atomic(address, bytes);
}

void Machine::note_atomic_done(const void* address, AtomicKind kind, Scope scope, MemoryOrder order) {
  if (!watched || !running()) return;
  const Unwatched emulator;
  watch_.synchronise(reinterpret_cast<std::uintptr_t>(address), access_of(kind), scope, order);
}

void Machine::fence(Scope scope) {
  if (!watched || !running()) return;
  const Unwatched emulator;
  watch_.settle();
  watch_.fence(scope);
}

void Machine::fail(int index, Check check, const std::string& text) const {
  watching = nullptr;
  throw Fault{block_->index, thread(index).index, check, text};
}

void Machine::break_off(Check check, const std::string& text, const void* place) {
  error_ = std::make_exception_ptr(Fault{block_->index, thread(current_).index, check, text, place});
  for (;;) switch_to(host_);
}

// Names one waiting thread of each kind of wait.
std::string Machine::waiting_report() const {
  int at_barrier = 0, in_collective = 0;
  const Thread *barrier = nullptr, *collective = nullptr;
  for (const auto& thread : block_->threads) {
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
