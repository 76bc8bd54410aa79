// Barriers of a block and of a grid, and the judgement of threads that have returned before one.
#include <cstring>
#include <numeric>
#include <utility>

#include "checks/sources.h"
#include "machine/block.h"
#include "machine/choices.h"

namespace simt {

int Machine::barrier(bool predicate, Where where, std::uint64_t calls) {
  const Unwatched emulator;
  Block& b = *block_;
  Thread& self = thread(current_);
  self.state = State::at_barrier;
  b.votes += predicate;
  b.waited = b.waited || self.waited;
  self.where = where;
  self.calls = calls;
  if (b.waiting == 0)
    b.waiting_example = current_;
  else
    check_same_barrier(self, thread(b.waiting_example));
  if (++b.waiting == b.live)
    complete_barrier();
  else if (b.warps[std::size_t(current_ / 32)].asking != 0)
    answer_active_masks(current_ / 32, false);
  suspend();
  return b.result;
}

void Machine::check_same_barrier(const Thread& self, const Thread& other) const {
  const bool same_file =
      self.where.file == other.where.file || std::strcmp(self.where.file, other.where.file) == 0;
  const bool same_line = same_file && self.where.line == other.where.line;
  if (same_line && is_same_call(self.calls, other.calls)) return;
  const auto describe_wait = [&](const Thread& t) {
    return same_line ? describe_calls(t.calls) : describe(t.where);
  };
  const std::string here = describe_wait(self), there = describe_wait(other);
  fail(current_, Check::sync,
       "barrier divergence: the thread waits at " + here + " and thread " +
           std::to_string(block_->waiting_example) + " of the block at " +
           (here == there ? "another call on the same line" : there));
}

// Lets all threads continue that have not returned.
void Machine::complete_barrier() {
  Block& b = *block_;
  if (b.live < size_)
    check_returned("barrier divergence: the thread returned while others wait at a barrier, ");
  b.waiting = 0;
  count_barrier();
  watch_.barrier(b.live);
  b.result = std::exchange(b.votes, 0);
  if (std::exchange(b.waited, false))
    for (auto& t : b.threads) t.waited = true;
  wake_block(State::ready);
}

// Makes every thread ready that has not returned, in random order. No other one is ready.
void Machine::wake_block(State state) {
  Block& b = *block_;
  if (seed_ != 0 && !is_drawn())
    std::iota(order_.begin(), order_.end(), std::uint16_t(0));
  else if (seed_ != 0)
    for (std::uint32_t i = std::uint32_t(size_); i > 1; --i)
      std::swap(order_[i - 1], order_[random_.below(i)]);
  if (b.live == size_) {
    for (auto& t : b.threads) t.state = state;
    return b.ready.fill(order_);
  }
  for (const int index : order_) {
    if (thread(index).state == State::returned) continue;
    thread(index).state = state;
    b.ready.push(index);
  }
}

// Fails if threads returned that had to come to the barrier. The hardware counts those as arrived, and a
// program may mean that: its source then has a return statement before the barrier.
void Machine::check_returned(const std::string& text) const {
  const Block& b = *block_;
  const Thread& waiting = thread(b.waiting_example);
  if (thread(b.returned_example).left) return;
  if (may_return_before(grid_->kernel, waiting.where, waiting.calls)) return;
  fail(b.returned_example, Check::sync, text + waiting_report());
}

// One thread of each block comes here.
void Machine::grid_barrier(Where where) {
  const Unwatched emulator;
  if (!grid_->cooperative)
    fail(current_, Check::sync,
         "a barrier of the grid at " + describe(where) + " needs a launch by cudaLaunchCooperativeKernel");
  Thread& self = thread(current_);
  self.state = State::in_grid_barrier;
  self.where = where;
  note_change();
  if (++at_grid_barrier_ == blocks_) {
    at_grid_barrier_ = 0;
    watch_.grid_barrier();
    for (const auto& block : resident_)
      for (std::size_t i = 0; i < block->threads.size(); ++i)
        if (block->threads[i].state == State::in_grid_barrier) {
          block->threads[i].state = State::ready;
          block->ready.push(int(i));
        }
  }
  suspend();
}

}  // namespace simt
