// Implements warp collectives: the lanes of a mask meet, exchange their values and continue.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "checks/sources.h"

#include "machine/block.h"
#include "machine/choices.h"

namespace simt {
namespace {

std::string hex(unsigned mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

}  // namespace

const char* name_of(Collective kind) {
  switch (kind) {
    case Collective::syncwarp:
      return "__syncwarp";
    case Collective::ballot:
      return "a vote";
    case Collective::load_matrix:
      return "load_matrix_sync";
    case Collective::store_matrix:
      return "store_matrix_sync";
    case Collective::multiply_matrices:
      return "mma_sync";
    case Collective::shfl:
      return "__shfl_sync";
    case Collective::shfl_up:
      return "__shfl_up_sync";
    case Collective::shfl_down:
      return "__shfl_down_sync";
    case Collective::shfl_xor:
      return "__shfl_xor_sync";
    case Collective::match:
      return "__match_sync";
    case Collective::reduce:
      return "__reduce_sync";
  }
  return "";
}

void Machine::refuse_collective(Collective kind, unsigned mask, int width, Where where) const {
  const int lane = current_ % 32;
  const std::string place = std::string(name_of(kind)) + " at " + describe(where);
  if ((mask >> lane & 1u) == 0)
    fail(current_, Check::sync,
         place + ": the mask " + hex(mask) + " does not hold the calling lane " + std::to_string(lane));
  fail(current_, Check::sync,
       place + ": the width is " + std::to_string(width) + ", expected a power of two up to 32");
}

std::uint64_t Machine::collective(Collective kind, unsigned mask, std::uint64_t value, int operand, int width,
                                  Where where, std::uint64_t calls, std::uint64_t* all) {
  const Unwatched emulator;
  const int warp = current_ / 32, lane = current_ % 32;
  if ((mask >> lane & 1u) == 0 || width < 1 || width > 32 || (width & (width - 1)) != 0)
    refuse_collective(kind, mask, width, where);
  Thread& self = thread(current_);
  self.state = State::in_collective;
  self.kind = kind;
  self.mask = mask;
  self.value = value;
  self.operand = operand;
  self.width = width;
  self.where = where;
  self.calls = calls;
  self.all = all;
  block_->warps[std::size_t(warp)].waiting |= 1u << lane;
  if (!try_complete(warp, mask) && block_->warps[std::size_t(warp)].asking != 0)
    answer_active_masks(warp, false);
  suspend();
  return self.result;
}

// Completes the collective of `mask` if all its lanes have come, except those that returned.
bool Machine::try_complete(int warp, unsigned mask) {
  const unsigned needed = mask & ~block_->warps[std::size_t(warp)].returned;
  if (needed == 0 || (needed & ~block_->warps[std::size_t(warp)].waiting) != 0) return false;
  unsigned lanes = 0;
  int first = -1;
  for (unsigned rest = needed; rest != 0; rest &= rest - 1) {
    const int thread = warp * 32 + __builtin_ctz(rest);
    const Thread& t = this->thread(thread);
    if (t.mask != mask) continue;
    if (first < 0) first = thread;
    const Thread& other = this->thread(first);
    if (other.kind != t.kind)
      fail(thread, Check::sync,
           std::string("lanes of one mask meet in different collectives: ") + name_of(t.kind) + " at " +
               describe(t.where) + ", " + name_of(other.kind) + " at " + describe(other.where));
    lanes |= 1u << (thread % 32);
  }
  if (lanes != needed) return false;
  if (mask != needed) check_lanes(warp, lanes);
  finish_collective(warp, lanes);
  return true;
}

// Fails if a lane of the mask has returned that had to come. The hardware leaves such lanes out, and a
// program may mean that: its source then has a return statement before the collective.
void Machine::check_lanes(int warp, unsigned lanes) const {
  const Thread& waiting = thread(warp * 32 + __builtin_ctz(lanes));
  for (unsigned rest = waiting.mask & ~lanes; rest != 0; rest &= rest - 1) {
    const int missing = warp * 32 + __builtin_ctz(rest);
    if (missing >= size_ || thread(missing).left) continue;
    if (may_return_before(grid_->kernel, waiting.where, waiting.calls)) return;
    fail(warp * 32 + __builtin_ctz(lanes), Check::sync,
         std::string(name_of(waiting.kind)) + " at " + describe(waiting.where) + ": the mask " +
             hex(waiting.mask) + " holds lane " + std::to_string(missing % 32) +
             ", which has returned without coming there");
  }
}

// Gives each lane its vote, the value of its source, or those of all lanes.
void Machine::give_results(int warp, unsigned lanes, Collective kind) {
  Thread* const first = &thread(warp * 32);
  std::uint64_t votes = 0;
  for (unsigned rest = kind < Collective::shfl ? lanes : 0; rest != 0; rest &= rest - 1)
    if (first[__builtin_ctz(rest)].value != 0) votes |= rest & -rest;
  for (unsigned rest = lanes; rest != 0; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    Thread& thread = first[lane];
    if (thread.all == nullptr) {
      thread.result = kind < Collective::shfl ? votes : shuffled(warp, lane, lanes);
      continue;
    }
    thread.result = lanes;
    for (unsigned each = lanes; each != 0; each &= each - 1)
      thread.all[__builtin_ctz(each)] = first[__builtin_ctz(each)].value;
  }
}

void Machine::finish_collective(int warp, unsigned lanes) {
  const Collective kind = thread(warp * 32 + __builtin_ctz(lanes)).kind;
  if (kind >= Collective::load_matrix && kind <= Collective::multiply_matrices) finish_matrix(warp, lanes);
  give_results(warp, lanes, kind);
  block_->warps[std::size_t(warp)].waiting &= ~lanes;
  // Shuffles, votes and matrix functions exchange values, but order nothing else.
  if (kind == Collective::syncwarp) {
    watch_.sync_lanes(warp, lanes, (lanes | block_->warps[std::size_t(warp)].returned) == ~0u);
    bool waited = false;
    for (unsigned rest = lanes; rest != 0; rest &= rest - 1)
      waited = waited || thread(warp * 32 + __builtin_ctz(rest)).waited;
    for (unsigned rest = waited ? lanes : 0; rest != 0; rest &= rest - 1)
      thread(warp * 32 + __builtin_ctz(rest)).waited = true;
  }
  const unsigned turn = seed_ != 0 && is_drawn() ? random_.below(32) : 0;
  Thread* const first = &thread(warp * 32);
  for (unsigned i = 0; i < 32; ++i) {
    const unsigned lane = i ^ turn;
    if ((lanes >> lane & 1u) == 0) continue;
    first[lane].state = State::ready;
    block_->ready.push(warp * 32 + int(lane));
  }
}

// Waits until no other lane of the warp can run, and returns the lanes that ask at the same place: a warp
// whose lanes are as converged as they can be.
unsigned Machine::active_lanes(Where where, std::uint64_t calls) {
  const Unwatched emulator;
  const int warp = current_ / 32;
  Thread& self = thread(current_);
  self.state = State::in_active_mask;
  self.where = where;
  self.calls = calls;
  block_->warps[std::size_t(warp)].asking |= 1u << (current_ % 32);
  answer_active_masks(warp, false);
  suspend();
  return unsigned(thread(current_).result);
}

// Answers the lanes that wait in __activemask, unless another lane of the warp can still come there.
// `spinning` means that those that can run only wait. Returns whether a lane got its answer.
bool Machine::answer_active_masks(int warp, bool spinning) {
  Warp& w = block_->warps[std::size_t(warp)];
  if (w.asking == 0) return false;
  const int first = warp * 32, end = std::min(first + 32, size_);
  for (int i = first; i < end && !spinning; ++i)
    if (thread(i).state == State::fresh || thread(i).state == State::ready) return false;
  for (unsigned rest = std::exchange(w.asking, 0); rest != 0;) {
    const Thread& one = thread(first + __builtin_ctz(rest));
    unsigned group = 0;
    for (unsigned others = rest; others != 0; others &= others - 1) {
      const Thread& other = thread(first + __builtin_ctz(others));
      if (other.where.line == one.where.line && is_same_call(one.calls, other.calls))
        group |= others & -others;
    }
    for (unsigned lanes = group; lanes != 0; lanes &= lanes - 1) {
      Thread& lane = thread(first + __builtin_ctz(lanes));
      lane.result = group;
      lane.state = State::ready;
      block_->ready.push(first + __builtin_ctz(lanes));
    }
    rest &= ~group;
  }
  return true;
}

std::uint64_t Machine::shuffled(int warp, int lane, unsigned lanes) const {
  const Thread* first = &thread(warp * 32);
  const Thread& self = first[lane];
  const int source = source_lane(self, lane);
  if ((lanes >> source & 1u) == 0)
    fail(warp * 32 + lane, Check::sync,
         std::string(name_of(self.kind)) + " at " + describe(self.where) + ": lane " + std::to_string(lane) +
             " reads lane " + std::to_string(source) +
             ((self.mask >> source & 1u) == 0 ? ", which is not in the mask " + hex(self.mask)
                                              : ", which has returned or does not exist"));
  return first[source].value;
}

// A source outside the lane's segment of `width` lanes means the lane itself.
int Machine::source_lane(const Thread& thread, int lane) const {
  const int begin = lane & ~(thread.width - 1), end = begin + thread.width;
  switch (thread.kind) {
    case Collective::shfl:
      return begin | (thread.operand & (thread.width - 1));
    case Collective::shfl_up: {
      const long source = long(lane) - long(unsigned(thread.operand));
      return source < begin ? lane : int(source);
    }
    case Collective::shfl_down: {
      const long source = long(lane) + long(unsigned(thread.operand));
      return source >= end ? lane : int(source);
    }
    default: {
      const unsigned source = unsigned(lane) ^ unsigned(thread.operand);
      return source >= unsigned(end) ? lane : int(source);
    }
  }
}

}  // namespace simt
