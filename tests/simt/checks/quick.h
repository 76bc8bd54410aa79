// The part of the rules for accesses that most accesses need, inlined into the hooks.
#pragma once
#include <algorithm>
#include <cstring>

#include "checks/watch.h"

namespace simt {

inline bool Watch::met(Use use) const {
  if (use.thread() / 32 != thread_ / 32) return false;
  const WarpOrder& order = warps_[std::size_t(thread_ / 32)];
  if (order.block != block_) return false;
  if (use.time() < order.whole) return true;
  return order.parts && use.time() < order.since[std::size_t(thread_ % 32)][std::size_t(use.thread() % 32)];
}

inline Watch::Readers Watch::with_read(const Cell& cell, unsigned mask, bool atomic) const {
  const Use old = cell.read;
  if (old.time() < launch_) return {old.flags() & more, mask, atomic, old.time() < ordered_};
  const bool same_block = cell.read_block == number_;
  if (is_mine(old, cell.read_block))
    return {old.flags(), mask | old.bytes(), atomic && old.is_atomic(), true};
  if ((old.bytes() & mask) == 0 || old.time() < grid_barrier_)
    return {old.flags() & more, mask, atomic, true};
  if (same_block && (old.time() < barrier_ || met(old)))
    return {old.flags() & (more | other_block), mask, atomic, true};
  if (fences_.used()) return {old.flags() & more, mask, atomic, false};
  const std::uint64_t with = !same_block                         ? other_block
                             : old.thread() / 32 == thread_ / 32 ? many_lanes
                                                                 : many_warps;
  return {(same_block ? old.flags() : old.flags() & (more | other_block)) | with, mask,
          atomic && old.is_atomic(), true};
}

inline std::uint32_t Watch::place_of(const void* place) const {
  return std::uint32_t(reinterpret_cast<std::uintptr_t>(place)) + first_place_;
}

inline void Watch::set_read(Cell& cell, const Readers& readers, bool by_volatile_read, const void* place) {
  cell.read = Use(now(), unsigned(thread_), readers.bytes, readers.atomic)
                  .with((readers.flags & ~by_volatile) | (by_volatile_read ? by_volatile : 0));
  cell.read_place = place_of(place);
  cell.read_block = number_;
}

inline void Watch::set_write(Cell& cell, unsigned mask, bool atomic, std::uint64_t flags, const void* place) {
  const unsigned before = is_mine(cell.write, cell.write_block) ? cell.write.bytes() : 0;
  cell.write = Use(now(), unsigned(thread_), mask | before, atomic)
                   .with((cell.write.flags() & 255) | std::uint64_t(mask) << 4 | flags);
  cell.write_place = place_of(place);
  cell.write_block = number_;
}

// Returns whether what wrote these bytes of the cell plainly comes before the thread's access.
inline bool Watch::follows_write(const Cell& cell, unsigned mask) const {
  const Use last = cell.write;
  if (last.time() < ordered_ || (last.bytes() & mask) == 0) return true;
  if (last.is_atomic() || cell.write_block != number_ || last.time() < launch_) return false;
  return last.time() < barrier_ || last.thread() == thread_;
}

// Returns whether what read these bytes of the cell plainly comes before the thread's plain write.
inline bool Watch::follows_reads(const Cell& cell, unsigned mask) const {
  const Use last = cell.read;
  if (last.bytes() == 0) return true;
  if (last.has(more)) return false;
  if (last.time() < ordered_ || (last.bytes() & mask) == 0) return true;
  if (cell.read_block != number_ || last.time() < launch_ || last.has(other_block)) return false;
  return last.time() < barrier_ || (last.thread() == thread_ && !last.has(many_lanes | many_warps));
}

// What they are given first is the time at which the cell's memory began: 0, or that of the block.
inline bool Watch::quick_read(std::uint64_t begun, Cell& cell, unsigned mask, const void* place) {
  const unsigned needed = mask | mask << 4;
  if ((cell.write.flags() & needed) != needed || cell.write.time() < begun || !follows_write(cell, mask))
    return false;
  if (const Use old = cell.read; old.time() < ordered_) {
    set_read(cell, {old.flags() & more, mask, false, true}, false, place);
    return true;
  }
  const Readers readers = with_read(cell, mask, false);
  if (!readers.whole) return false;
  set_read(cell, readers, false, place);
  return true;
}

inline bool Watch::quick_write(std::uint64_t begun, Cell& cell, unsigned mask, const void* place) {
  if ((cell.live() & mask) != mask || cell.write.time() < begun || !follows_write(cell, mask) ||
      !follows_reads(cell, mask))
    return false;
  set_write(cell, mask, false, 0, place);
  if (mask == 15) cell.read = Use();
  return true;
}

inline bool Watch::is_reached(std::uintptr_t at) const {
  return reached_[(at - device_.base) >> reach_unit] == reached_in_;
}

// Returns whether what the thread loads has no pointer that the kernel has not had before.
template <std::size_t bytes>
inline bool Watch::loads_nothing_new(std::uintptr_t from) const {
  std::uintptr_t word;
  for (std::size_t at = 0; at + sizeof word <= bytes; at += sizeof word) {
    std::memcpy(&word, reinterpret_cast<const void*>(from + at), sizeof word);
    if (device_.holds(word) && !is_reached(word)) return false;
  }
  return true;
}

// Returns the first cell of an access to shared memory; null if there is none.
inline Cell* Watch::quick_shared_cell(std::uintptr_t at, std::size_t bytes) const {
  if (at - tls_ < tls_bytes_) return static_cells_.get() + (at - tls_ / 4 * 4) / 4;
  if (at - shared_ < shared_bytes_ && bytes <= shared_bytes_ - (at - shared_))
    return shared_cells_.get() + (at - shared_) / 4;
  return nullptr;
}

// What it has noted when it returns false may be noted once more.
template <std::size_t bytes, bool writes>
inline bool Watch::quick_access(std::uintptr_t at, const void* place) {
  if (!quick_ || at % bytes != 0) return false;
  if (at - index_begin_ < index_bytes_) return !writes;
  if (at - stack_ < stack_bytes_) return true;
  if (doubtful_.bytes != 0 || (!writes && reads_ + 1 >= most_reads)) return false;
  if (stored_.bytes != 0) {
    std::uint32_t stored;
    std::memcpy(&stored, reinterpret_cast<const void*>(stored_.at), sizeof stored);
    if (stored == 0xfefefefe) return false;
    stored_.bytes = 0;
  }
  const bool on_device = device_.holds(at);
  if (on_device && !is_reached(at)) return false;
  Cell* cell = on_device ? &device_.cell(at) : quick_shared_cell(at, bytes);
  if (cell == nullptr) {
    if (writes || at - parameters_ >= parameter_bytes_ || !loads_nothing_new<bytes>(at)) return false;
    latest_place_ = place;
    ++reads_;
    return true;
  }
  const std::uint64_t begun = on_device ? 0 : block_;
  if (on_device) __builtin_prefetch(cell + 8), __builtin_prefetch(cell + 16);
  for (std::size_t done = 0; done < bytes; done += 4, ++cell) {
    const unsigned mask = bytes >= 4 ? 15u : ((1u << bytes) - 1) << at % 4;
    if (!(writes ? quick_write(begun, *cell, mask, place) : quick_read(begun, *cell, mask, place)))
      return false;
  }
  if (!writes && !loads_nothing_new<bytes>(at)) return false;
  latest_place_ = place;
  if (writes) {
    ++writes_;
    if (bytes >= 4 && on_device) stored_ = {at, bytes, place};
  } else {
    ++reads_;
  }
  return true;
}

}  // namespace simt
