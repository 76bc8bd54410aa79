// Lets threads that wait for memory to change give way to others, and finds those that wait in vain.
#include <algorithm>
#include <cstring>
#include <utility>

#include "machine/block.h"
#include "machine/choices.h"
#include "machine/watchdog.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

// So many reads in vain of all threads, while nothing changes, are a hang. A loop that gives up by itself has
// to do so earlier.
constexpr std::uint64_t most_in_vain = std::uint64_t(1) << 22;

}  // namespace

// Varies the order of arrival with the seed. Every 64th time another thread certainly goes first, so that a
// loop that waits for another thread's atomic operation ends.
void Machine::preempt() {
  const Unwatched emulator;
  compare_atomic();
  const bool forced = ++preempt_ % 64 == 0, drawn = is_drawn();
  wait_in_vain(1);
  if (parks_ || (!block_->ready.empty() && (forced || (seed_ != 0 && drawn && random_.below(4) == 0)))) {
    block_->ready.push_behind(current_);
    suspend();
  }
}

// A thread that is at one of the same two addresses again polls them; a loop over memory is elsewhere.
void Machine::give_way(unsigned reads, std::uintptr_t at) {
  const Unwatched emulator;
  auto& before = thread(current_).waits_for;
  const bool polls = at == 0 || at == before[0] || at == before[1];
  before = {at, before[0]};
  if (!polls) return;
  wait_in_vain(reads);
  if (!parks_ && block_->ready.empty()) return;
  block_->ready.push_behind(current_);
  suspend();
}

// Counts reads while nothing changes. If all threads of the block had their turn, the block makes room for
// another one; if no block can go on, this is a hang. Without the checks, nobody knows what static shared
// memory a block uses, so that no other one can run meanwhile.
void Machine::wait_in_vain(unsigned reads) {
  Block& b = *block_;
  if (changes() != seen_changes_) {
    seen_changes_ = changes();
    vain_ = 0;
    b.idle = 0;
    return;
  }
  vain_ += reads;
  if (++b.idle < 16 + 4 * b.ready.size()) return;
  b.idle = 0;
  for (int warp = 0; warp * 32 < size_; ++warp)
    if (answer_active_masks(warp, true)) return;
  if (watched && watch_.wanted() && (!parked_.empty() || may_start())) parks_ = true;
  if (vain_ > most_in_vain) report_hang();
}

void Machine::report_hang() {
  std::string text = "hang: the thread waits for memory that no thread changes any more";
  if (begun_ < blocks_)
    text += "; " + std::to_string(blocks_ - begun_) + " of " + std::to_string(blocks_) +
            " blocks have not begun, because only " + std::to_string(most_resident_) +
            " fit on the device at once";
  if (!parked_.empty()) text += "; " + std::to_string(parked_.size()) + " other blocks wait as well";
  break_off(Check::sync, text, watch_.latest_place());
}

void Machine::stop_hang() {
  watching = nullptr;
  break_off(Check::sync,
            "hang: the thread runs without an end; since its latest access, nothing has changed for " +
                std::to_string(int(patience())) + " seconds (SIMT_TIMEOUT)",
            watch_.latest_place());
}

std::string Machine::describe_hang() const {
  return kernel_name(grid_->kernel) + ": hang: nothing has changed for " +
         std::to_string(int(2 * patience())) + " seconds (SIMT_TIMEOUT)";
}

// Notes a change if the latest atomic operation stored another value than the one before.
void Machine::compare_atomic() {
  if (atomic_ == nullptr) return;
  std::uint64_t value = 0;
  std::memcpy(&value, atomic_, atomic_bytes_);
  if (value != atomic_before_) note_change();
  atomic_ = nullptr;
}

void Machine::remember_atomic(const void* address, std::size_t bytes) {
  compare_atomic();
  atomic_bytes_ = std::min(bytes, sizeof atomic_before_);
  atomic_before_ = 0;
  std::memcpy(&atomic_before_, address, atomic_bytes_);
  atomic_ = address;
}

}  // namespace simt
