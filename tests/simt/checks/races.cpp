// Decides whether an access of a kernel races with an earlier one.
#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "checks/order.h"
#include "checks/quick.h"
#include "cuda_pipeline.h"
#include "machine/block.h"
#include "report/ending.h"

namespace simt {
namespace {

constexpr std::size_t most_readers = 24;  // kept for a cell beside the last one

}  // namespace

Fences::Actor Watch::actor() const {
  const WarpOrder& order = warps_[std::size_t(thread_ / 32)];
  const bool met = order.block == block_;
  return {number_, thread_, barrier_, std::max(barrier_, met ? order.whole : 0),
          met && order.parts ? &order.since[std::size_t(thread_ % 32)] : nullptr};
}

bool Watch::comes_before(const OtherUse& earlier, const Now& a) const {
  const Use use = earlier.use;
  if (use.time() < launch_) return use.time() < ordered_ || order::is_ordered(use.time());
  if (use.time() < grid_barrier_) return true;
  const bool several = use.has(several_threads);
  if (earlier.block == number_) {
    if (use.time() < barrier_) return true;
    if (!several && (use.thread() == thread_ || met(use))) return true;
  }
  if (!fences_.used()) return false;
  return several ? fences_.knows_others(actor()) : fences_.comes_before(use, earlier.block, a.at, actor());
}

void Watch::check_use(const OtherUse& earlier, const Now& a, const char* did) {
  if (!comes_before(earlier, a)) fail_race(a, earlier, did);
}

// Returns whether two atomic uses conflict all the same: one holds for its block only, or both are volatile,
// in shared memory and of one warp, whose lanes no longer run in lockstep.
bool Watch::conflict(const OtherUse& earlier, const Now& a) const {
  const Use use = earlier.use;
  if (use.time() < launch_) return false;
  if (earlier.block != number_) return a.scope == Scope::block || use.has(block_scope);
  return a.in_shared && is_volatile(a.kind) && use.has(by_volatile) && use.thread() != thread_ &&
         use.thread() / 32 == thread_ / 32;
}

// Checks the access against what wrote the cell.
void Watch::check_write(const Cell& cell, unsigned mask, const Now& a) {
  const OtherUse last{cell.write, cell.write_block, cell.write_place};
  if (!cell.write.is_atomic()) {
    if (comes_before(last, a)) return;
    return a.kind == AccessKind::write ? doubt(last, a) : fail_race(a, last, "wrote");
  }
  const auto check = [&](const OtherUse& each) {
    if ((each.use.bytes() & mask) == 0 || each.use.time() < ordered_) return;
    if (!is_atomic(a.kind) || conflict(each, a)) check_use(each, a, "updated");
  };
  check(last);
  const OtherUses* const others = find_others(cell);
  if (others == nullptr) return;
  if (is_atomic(a.kind) && !is_volatile(a.kind) && a.scope == Scope::device && !others->for_block) return;
  for (const OtherUse& each : others->updates) check(each);
}

// Checks a write against what read the cell.
void Watch::check_readers(const Cell& cell, unsigned mask, const Now& a) {
  const auto check = [&](const OtherUse& each) {
    if ((each.use.bytes() & mask) == 0 || each.use.time() < ordered_) return false;
    if (is_atomic(a.kind) && each.use.is_atomic() && !conflict(each, a)) return false;
    check_use(each, a, "read");
    return true;
  };
  if (const OtherUses* const others = find_others(cell); others != nullptr)
    for (const OtherUse& each : others->readers) check(each);
  const bool lanes_only = a.in_shared && is_volatile(a.kind) && cell.read.has(by_volatile) &&
                          cell.read.has(many_lanes) && cell.read_block == number_ &&
                          cell.read.thread() / 32 == thread_ / 32;
  if (check({cell.read, cell.read_block, cell.read_place}) || lanes_only) check_summary(cell, a);
}

// The last read comes before this write. Where fences are used, it answers for the others; they were kept
// since the first fence.
void Watch::check_summary(const Cell& cell, const Now& a) {
  const Use read = cell.read;
  if (!read.has(many_lanes | many_warps | other_block)) return;
  if (read.time() < std::max(launch_, grid_barrier_)) return;
  if (fences_.used() && fences_.knows_others(actor())) return;
  const OtherUse last{read, cell.read_block, cell.read_place};
  if (read.has(other_block)) fail_race(a, last, "and others read");
  if (cell.read_block != number_ || read.time() < barrier_) return;
  const WarpOrder& order = warps_[std::size_t(thread_ / 32)];
  const bool all_met = order.block == block_ && (read.time() < order.whole || (order.parts && met(read)));
  if (read.has(many_warps) || !all_met) fail_race(a, last, "and others read");
}

// Notes the read so that no reader is lost that a later write may race with.
void Watch::note_read(Cell& cell, unsigned mask, const Now& a) {
  const Use old = cell.read;
  Readers readers = with_read(cell, mask, is_atomic(a.kind));
  if (!readers.whole && old.time() < launch_) {
    if (!order::is_ordered(old.time())) keep_reader(cell, launch_), readers.flags |= more;
  } else if (!readers.whole && !comes_before({old, cell.read_block, cell.read_place}, a)) {
    const OtherUses* const others = find_others(cell);
    if (others != nullptr && others->readers.size() >= most_readers) {
      readers.flags |= old.flags() | (cell.read_block == number_ ? many_warps : other_block);
    } else {
      keep_reader(cell, launch_);
      readers.flags |= more;
    }
  }
  set_read(cell, readers, is_volatile(a.kind), a.place);
}

// Notes an atomic update beside those of other threads, which it does not replace. Those of one block become
// one.
void Watch::note_update(Cell& cell, unsigned mask) {
  OtherUses& others = others_of(cell);
  auto& updates = others.updates;
  if (!updates.empty() && updates.front().use.time() < launch_)
    std::erase_if(updates, [&](const OtherUse& old) {
      return old.use.time() < launch_ && (old.use.time() < ordered_ || order::is_ordered(old.use.time()));
    });
  OtherUse mine{cell.write, number_, cell.write_place};
  std::uint64_t flags = mine.use.flags() & (block_scope | by_volatile);
  others.for_block = others.for_block || mine.use.has(block_scope);
  const std::size_t recent = std::min<std::size_t>(updates.size(), 8);
  for (auto old = updates.rbegin(); old != updates.rbegin() + std::ptrdiff_t(recent); ++old) {
    if (old->block != number_ || old->use.time() < launch_) continue;
    const bool replaced = old->use.time() < barrier_ ||
                          (!old->use.has(several_threads) && (old->use.thread() == thread_ || met(old->use)));
    if (!replaced) flags |= several_threads | (old->use.flags() & block_scope);
    mine.use = Use(now(), unsigned(thread_), mask | old->use.bytes(), true).with(flags);
    *old = mine;
    return;
  }
  mine.use = mine.use.with(flags);
  updates.push_back(mine);
}

// Returns whether the bytes of the cell that were never written may be padding of a record that the thread
// copies as a whole.
bool Watch::may_be_padding(const Cell& cell, unsigned mask, const Now& a) const {
  const unsigned hole = mask & ~cell.defined();
  const Cell* const begin = &cell - a.done / 4;
  if (may_have_padding_ || (a.bytes == 16 && is_written(a.at) && is_cub(a.place))) return true;
  if (hole == 15) return a.bytes == 16 && is_padding_of_word(&cell, a.done % 8 != 0, begin, begin + 4);
  return mask == 15 && (cell.defined() & 1) != 0 && (a.bytes > 4 || std::has_single_bit(hole));
}

// Reports a read of bytes that were never written, or that an asynchronous copy has not brought yet.
void Watch::check_undefined(const Cell& cell, unsigned mask, const Now& a) const {
  const std::uintptr_t begin = a.at + a.done, end = begin + std::size_t(std::popcount(mask));
  for (std::size_t thread = 0; thread < copies_.size(); ++thread)
    for (const Copy& copy : copies_[thread])
      if (copy.to < end && begin < copy.to + copy.bytes)
        return fail_race(a, {Use(now(), unsigned(thread), mask, false), number_, place_of(copy.place)},
                         "still copies asynchronously to");
  if (is_wanted(Check::init) && !may_be_padding(cell, mask, a))
    fail(a, Check::init, "reads memory that was never written");
}

void Watch::read_cell(Cell& cell, unsigned mask, const Now& a) {
  if ((cell.defined() & mask) != mask) check_undefined(cell, mask, a);
  if (!follows_write(cell, mask)) check_write(cell, mask, a);
  note_read(cell, mask, a);
}

void Watch::write_cell(Cell& cell, unsigned mask, const Now& a) {
  if (!follows_write(cell, mask)) check_write(cell, mask, a);
  if (cell.read.bytes() != 0 && (cell.read.time() >= ordered_ || cell.read.has(more)))
    check_readers(cell, mask, a);
  const bool atomic = is_atomic(a.kind);
  set_write(cell, mask, atomic,
            (a.scope == Scope::block ? block_scope : 0) | (is_volatile(a.kind) ? by_volatile : 0), a.place);
  if (atomic)
    note_update(cell, mask);
  else if (mask == 15)
    cell.read = Use();
}

void Watch::check_cell(Cell& cell, unsigned mask, Now& a) {
  // A block leaves nothing in shared memory for the next one.
  if (cell.write.time() < a.begun) {
    cell = {};
    cell.write = Use(a.begun, 0, 0, false).with(15);
  }
  if ((cell.live() & mask) != mask) fail_bounds(a);
  if (is_read(a.kind)) return read_cell(cell, mask, a);
  if (is_update(a.kind) && (cell.defined() & mask) != mask && is_wanted(Check::init))
    fail(a, Check::init, "updates memory that was never written");
  write_cell(cell, mask, a);
}

// Remembers a write that is a race unless it leaves the bytes as they are, which is known after it.
void Watch::doubt(const OtherUse& earlier, const Now& a) {
  if (!same_values_allowed() || earlier.use.time() < launch_ || a.bytes > doubtful_.before.size())
    fail_race(a, earlier, "wrote");
  if (doubtful_.bytes == 0) {
    doubtful_ = {a.at, a.bytes, 0, a.place, earlier, {}};
    std::memcpy(doubtful_.before.data(), reinterpret_cast<const void*>(a.at), a.bytes);
  }
  const std::size_t cell = (a.at + a.done) / 4 * 4;
  for (std::size_t i = 0; i < 4; ++i)
    if ((earlier.use.bytes() >> i & 1) != 0 && cell + i - a.at < a.bytes)
      doubtful_.mask |= 1u << (cell + i - a.at);
}

void Watch::settle_doubt() {
  const Doubt d = std::exchange(doubtful_, {});
  const auto* const after = reinterpret_cast<const unsigned char*>(d.at);
  for (std::size_t i = 0; i < d.bytes; ++i)
    if ((d.mask >> i & 1) != 0 && after[i] != d.before[i])
      fail_race({d.at, d.bytes, AccessKind::write, d.place, Scope::device}, d.other, "wrote");
}

template <class F>
void Watch::each_shared_cell(std::uintptr_t at, std::size_t bytes, F f) {
  const bool dynamic = at - shared_ < shared_bytes_;
  if (!dynamic && at - tls_ >= tls_bytes_) return;
  const std::uintptr_t base = dynamic ? shared_ : tls_ / 4 * 4;
  Cell* const cells = dynamic ? shared_cells_.get() : static_cells_.get();
  for (const std::uintptr_t end = at + bytes; at < end; at = at / 4 * 4 + 4) {
    const std::size_t low = at % 4, high = std::min<std::size_t>(4, end - at + low);
    f(cells[(at - base) / 4], (1u << high) - (1u << low));
  }
}

void Watch::start_copy(std::uintptr_t to, std::size_t bytes, const void* barrier, const void* place) {
  bool found = false;
  each_shared_cell(to, bytes, [&](Cell& cell, unsigned mask) {
    cell.write = cell.write.with(cell.write.flags() & ~(std::uint64_t(mask) << 4));
    found = true;
  });
  if (copies_.size() <= std::size_t(thread_)) copies_.resize(std::size_t(thread_) + 1);
  if (found) copies_[std::size_t(thread_)].push_back({to, bytes, barrier, place});
}

// What has arrived was written now, by the thread that waited or came last to the barrier.
template <class Ended>
void Watch::end_copies(std::vector<Copy>& copies, Ended ended) {
  std::erase_if(copies, [&](const Copy& copy) {
    if (!ended(copy)) return false;
    each_shared_cell(copy.to, copy.bytes,
                     [&](Cell& cell, unsigned mask) { set_write(cell, mask, false, 0, copy.place); });
    return true;
  });
}

void Watch::commit_copies() {
  if (copies_.size() > std::size_t(thread_))
    for (Copy& copy : copies_[std::size_t(thread_)]) ++copy.commits;
}

void Watch::wait_for_copies(std::size_t batches) {
  if (copies_.size() > std::size_t(thread_))
    end_copies(copies_[std::size_t(thread_)],
               [=](const Copy& copy) { return copy.barrier == nullptr && copy.commits > batches; });
}

void Watch::end_copies(const void* barrier) {
  for (auto& copies : copies_) end_copies(copies, [=](const Copy& copy) { return copy.barrier == barrier; });
}

void Watch::fence(Scope scope) {
  if (checking) fences_.fence(actor(), scope);
}

void Watch::synchronise(std::uintptr_t at, AccessKind kind, Scope scope, MemoryOrder order) {
  if (!checking || at - stack_ < stack_bytes_) return;
  const Fences::Actor self = actor();
  const bool acquires = order == MemoryOrder::unspecified || order == MemoryOrder::acquire ||
                        order == MemoryOrder::acquire_release;
  if (is_read(kind) || is_update(kind)) fences_.acquire(self, at, !acquires);
  if (is_read(kind)) return;
  if (order == MemoryOrder::release || order == MemoryOrder::acquire_release) fences_.fence(self, scope);
  fences_.release(self, at, scope);
}

void Watch::meet_blocks(const std::vector<std::uint32_t>& numbers, std::uintptr_t word) {
  fences_.meet(numbers, word);
}

// -- the functions that device code calls --

void start_copy(const void* to, std::size_t bytes, const void* barrier) {
  if (watching != nullptr && checking)
    watching->start_copy(reinterpret_cast<std::uintptr_t>(to), bytes, barrier, __builtin_return_address(0));
}

void commit_copies() {
  if (watching != nullptr) watching->commit_copies();
}

void wait_for_copies(std::size_t batches) {
  if (watching != nullptr) watching->wait_for_copies(batches);
}

void end_copies(const void* barrier) {
  if (watching != nullptr) watching->end_copies(barrier);
}

}  // namespace simt
