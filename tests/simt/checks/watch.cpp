// Implements the rules for accesses to device and shared memory.
#include "checks/watch.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "checks/order.h"
#include "machine/block.h"
#include "runtime/runtime.h"

namespace simt {

constinit thread_local Watch* watching = nullptr;

void Watch::start_launch(const Grid& grid) {
  device_ = arena();
  launch_ = tick();
  ordered_ = order::ordered_until(launch_);
  stack_bytes_ = parameter_bytes_ = 0;
  const std::size_t threads = std::size_t(grid.block.x) * grid.block.y * grid.block.z;
  if (warps_.size() < (threads + 31) / 32) warps_.resize((threads + 31) / 32);
  if (tls_bytes_ == 0) {
    own_thread_local(&tls_, &tls_bytes_);
    static_cells_ = std::make_unique<Cell[]>(tls_bytes_ / 4 + 2);
  }
  profiler_.start_launch(grid);
}

void Watch::end_launch() {
  watching = nullptr;
  profiler_.end_launch();
}

void Watch::start_block() {
  block_ = barrier_ = tick();
  static_bytes_ = 0;
}

void Watch::barrier() {
  barrier_ = tick();
  profiler_.barrier();
}

void Watch::set_shared(void* shared, std::size_t bytes) {
  shared_ = reinterpret_cast<std::uintptr_t>(shared);
  shared_bytes_ = bytes;
  if (shared_capacity_ >= bytes) return;
  shared_capacity_ = bytes;
  shared_cells_ = std::make_unique<Cell[]>(bytes / 4 + 1);
}

void Watch::set_thread(int thread, std::uintptr_t low, std::size_t bytes) {
  thread_ = thread;
  stack_ = low;
  stack_bytes_ = bytes;
}

void Watch::set_parameters(const void* parameters, std::size_t bytes) {
  parameters_ = reinterpret_cast<std::uintptr_t>(parameters);
  parameter_bytes_ = bytes;
}

void Watch::sync_lanes(int warp, unsigned lanes, bool whole) {
  const std::uint64_t time = tick();
  WarpOrder& order = warps_[std::size_t(warp)];
  if (order.block != block_) {
    order.block = block_;
    order.whole = 0;
    order.parts = false;
  }
  if (whole) {
    order.whole = time;
    return;
  }
  if (!order.parts) order.since = {};
  order.parts = true;
  std::array<std::uint64_t, 32> joined = {};
  for (unsigned rest = lanes; rest != 0; rest &= rest - 1) {
    const auto& row = order.since[std::size_t(std::countr_zero(rest))];
    for (std::size_t u = 0; u < 32; ++u) joined[u] = std::max(joined[u], row[u]);
  }
  for (unsigned rest = lanes; rest != 0; rest &= rest - 1) joined[std::size_t(std::countr_zero(rest))] = time;
  for (unsigned rest = lanes; rest != 0; rest &= rest - 1)
    order.since[std::size_t(std::countr_zero(rest))] = joined;
}

// Returns whether this thread comes after the use, which was in this block and after its last barrier.
bool Watch::follows(Use use) const {
  if (use.thread() == thread_) return true;
  if (use.thread() / 32 != thread_ / 32) return false;
  const WarpOrder& order = warps_[std::size_t(thread_ / 32)];
  if (order.block != block_) return false;
  if (use.time() < order.whole) return true;
  return order.parts && use.time() < order.since[std::size_t(thread_ % 32)][std::size_t(use.thread() % 32)];
}

// Returns true if all uses of that time are known at once to come before this thread.
bool Watch::is_earlier(std::uint64_t time) const {
  return time < ordered_ || (time >= block_ && time < barrier_);
}

// Fails if nothing orders this use after an earlier one that it conflicts with.
void Watch::check_order(Use earlier, std::uint32_t place, bool earlier_writes, const Now& a) {
  const char* const did = earlier.is_atomic() ? "updated" : earlier_writes ? "wrote" : "read";
  const bool both_atomic = earlier.is_atomic() && is_atomic(a.kind);
  if (earlier.time() >= block_) {
    if (earlier.time() < barrier_ || both_atomic || follows(earlier)) return;
  } else if (earlier.time() < launch_) {
    if (order::is_ordered(earlier.time())) return;
    fail_race(a, earlier, place, did, true);
  } else if (both_atomic) {
    return;
  }
  fail_race(a, earlier, place, did, false);
}

void Watch::read_cell(Cell& cell, unsigned mask, const Now& a) {
  if ((cell.defined() & mask) != mask) fail(a, "reads memory that was never written");
  if ((cell.write.bytes() & mask) != 0 && !is_earlier(cell.write.time()))
    check_order(cell.write, cell.write_place, true, a);
  const Use old = cell.read;
  std::uint64_t flags = 0;
  unsigned bytes = mask;
  const bool overlap = (old.bytes() & mask) != 0;
  if (old.time() >= launch_ && overlap) {
    flags = old.flags() & other_block;
    if (old.time() < block_) {
      flags |= other_block;
    } else if (old.time() >= barrier_) {
      if (old.thread() == thread_) {
        flags = old.flags();
        bytes |= old.bytes();
      } else if (!follows(old)) {
        flags = old.flags() | (old.thread() / 32 == thread_ / 32 ? many_lanes : many_warps);
      }
    }
  }
  cell.read = Use(now(), unsigned(thread_), bytes, false).with(flags);
  cell.read_place = short_place(a.place);
}

void Watch::write_cell(Cell& cell, unsigned mask, const Now& a) {
  if ((cell.write.bytes() & mask) != 0 && !is_earlier(cell.write.time()))
    check_order(cell.write, cell.write_place, true, a);
  const Use read = cell.read;
  if ((read.bytes() & mask) != 0 && read.time() >= ordered_) {
    if (read.time() >= launch_ && (read.flags() & other_block) != 0)
      fail_race(a, read, cell.read_place, "read", false);
    if (!is_earlier(read.time())) check_order(read, cell.read_place, false, a);
    if (read.time() >= barrier_ && (read.flags() & (many_lanes | many_warps)) != 0) {
      const WarpOrder& order = warps_[std::size_t(thread_ / 32)];
      const bool met = order.block == block_ && read.time() < order.whole;
      if ((read.flags() & many_warps) != 0 || !met)
        fail_race(a, read, cell.read_place, "and others read", false);
    }
  }
  const bool mine = cell.write.time() >= barrier_ && cell.write.thread() == thread_;
  cell.write = Use(now(), unsigned(thread_), mask | (mine ? cell.write.bytes() : 0), is_atomic(a.kind))
                   .with(cell.write.flags() | std::uint64_t(mask) << 4);
  cell.write_place = short_place(a.place);
}

void Watch::check_cell(Cell& cell, unsigned mask, Space space, const Now& a) {
  // A block leaves nothing in shared memory for the next one.
  if (space == Space::shared && cell.write.time() < block_) {
    cell = {};
    cell.write = Use(block_, 0, 0, false).with(15);
  }
  if ((cell.live() & mask) != mask) fail_bounds(a);
  if (a.kind == AccessKind::write || a.kind == AccessKind::volatile_write) return write_cell(cell, mask, a);
  if (a.kind == AccessKind::read) return read_cell(cell, mask, a);
  if ((cell.defined() & mask) != mask)
    fail(a,
         is_read(a.kind) ? "reads memory that was never written" : "updates memory that was never written");
  write_cell(cell, mask, a);
}

void Watch::check_range(Cell* cells, std::uintptr_t offset, Space space, const Now& a) {
  if ((a.bytes == 16 || a.bytes == 8) && a.at % a.bytes != 0)
    fail(a, "misaligned access: " + std::to_string(a.bytes) +
                " bytes need an address that is a multiple of as many");
  std::size_t left = a.bytes;
  for (Cell* cell = cells + offset / 4; left > 0; ++cell) {
    const std::size_t low = offset % 4, count = std::min<std::size_t>(4 - low, left);
    check_cell(*cell, ((1u << count) - 1) << low, space, a);
    offset += count;
    left -= count;
  }
}

void Watch::access(std::uintptr_t at, std::size_t bytes, AccessKind kind, const void* place) {
  if (at - stack_ < stack_bytes_) return;
  const Now a{at, bytes, kind, place};
  if (!checking) return count_only(a);
  if (kind == AccessKind::float_atomic && !float_atomics_allowed())
    fail(a, "a floating-point atomic: its result depends on the order of arrival");
  if (device_.holds(at)) {
    check_range(device_.cells, at - device_.base, Space::global, a);
    profiler_.global(thread_, at, bytes, !is_read(kind), place);
  } else if (at - shared_ < shared_bytes_) {
    if (bytes > shared_bytes_ - (at - shared_)) fail_bounds(a);
    check_range(shared_cells_.get(), at - shared_, Space::shared, a);
    profiler_.shared(thread_, at - shared_, bytes, !is_read(kind), place);
  } else {
    access_elsewhere(a);
  }
}

void Watch::count_only(const Now& a) {
  if (device_.holds(a.at)) {
    profiler_.global(thread_, a.at, a.bytes, !is_read(a.kind), a.place);
  } else if (a.at - shared_ < shared_bytes_) {
    profiler_.shared(thread_, a.at - shared_, a.bytes, !is_read(a.kind), a.place);
  } else if (!is_index_variable(a.at) && a.at - tls_ < tls_bytes_) {
    if (static_cells(a) != nullptr)
      profiler_.shared(thread_, a.at - tls_, a.bytes, !is_read(a.kind), a.place);
  }
}

bool Watch::is_index_variable(std::uintptr_t at) const {
  const auto in = [at](const auto& v) { return at - reinterpret_cast<std::uintptr_t>(&v) < sizeof v; };
  return in(threadIdx) || in(blockIdx) || in(blockDim) || in(gridDim);
}

// Fills a variable with 0xFF at its first use in a block.
Cell* Watch::static_cells(const Now& a) {
  Cell* const cell = static_cells_.get() + (a.at - tls_ / 4 * 4) / 4;
  if (cell->write.time() >= block_ && (cell->live() >> (a.at % 4) & 1) != 0) return cell;
  const StaticShared variable = static_shared_at(a.at);
  if (variable.begin == variable.end) return nullptr;
  if (a.at + a.bytes > variable.end) fail_bounds(a);
  std::memset(reinterpret_cast<void*>(variable.begin), 0xff, variable.end - variable.begin);
  for (std::uintptr_t at = variable.begin; at < variable.end; ++at) {
    Cell& c = static_cells_[(at - tls_ / 4 * 4) / 4];
    const std::uint64_t before = c.write.time() >= block_ ? c.write.flags() : 0;
    c = {};
    c.write = Use(block_, 0, 0, false).with(before | std::uint64_t(1) << (at % 4));
  }
  static_bytes_ += variable.end - variable.begin;
  if (static_bytes_ + shared_bytes_ > std::size_t(shared_default) &&
      static_bytes_ > std::size_t(shared_default))
    fail(a, "uses " + std::to_string(static_bytes_) + " bytes of static shared memory, at most " +
                std::to_string(shared_default) + " exist");
  return cell;
}

void Watch::access_elsewhere(const Now& a) {
  if (is_index_variable(a.at)) {
    if (!is_read(a.kind)) fail(a, "writes an index variable");
    return;
  }
  if (a.at - tls_ < tls_bytes_) {
    if (Cell* const cell = static_cells(a); cell != nullptr) {
      check_range(cell, a.at % 4, Space::global, a);
      return profiler_.shared(thread_, a.at - tls_, a.bytes, !is_read(a.kind), a.place);
    }
  }
  if (is_read(a.kind) && (a.at - parameters_ < parameter_bytes_ || is_constant_data(a.at))) return;
  constexpr std::uintptr_t near = 65536;
  if (shared_bytes_ > 0 && a.at - (shared_ - near) < shared_bytes_ + 2 * near) fail_bounds(a);
  fail(a, a.at < 4096 ? "null pointer" : "host memory touched by a kernel");
}

namespace {

std::string hex(std::uintptr_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%zx", std::size_t(value));
  return text;
}

std::string describe_thread(int thread) {
  const int x = int(blockDim.x), y = int(blockDim.y);
  return "(" + std::to_string(thread % x) + ", " + std::to_string(thread / x % y) + ", " +
         std::to_string(thread / x / y) + ")";
}

}  // namespace

void Watch::fail(const Now& a, const std::string& text) const {
  std::string where = text + ": " + (is_read(a.kind) ? "reads " : "writes ") + std::to_string(a.bytes) +
                      " bytes at " + hex(a.at);
  if (const auto at = std::ptrdiff_t(a.at - shared_);
      shared_bytes_ > 0 && text == "out of bounds" && std::abs(at) < std::ptrdiff_t(1) << 20)
    where +=
        ", byte " + std::to_string(at) + " of " + std::to_string(shared_bytes_) + " of dynamic shared memory";
  else if (a.at - shared_ < shared_bytes_)
    where += ", byte " + std::to_string(a.at - shared_) + " of " + std::to_string(shared_bytes_) +
             " of dynamic shared memory";
  else if (arena().holds(a.at))
    where += ", " + describe_device_address(reinterpret_cast<const void*>(a.at));
  else if (const StaticShared v = static_shared_at(a.at); v.begin != v.end)
    where += ", byte " + std::to_string(a.at - v.begin) + " of " + std::to_string(v.end - v.begin) + " of " +
             v.name;
  machine().break_off(where, a.place);
}

void Watch::fail_bounds(const Now& a) const { fail(a, "out of bounds"); }

void Watch::fail_race(const Now& a, Use other, std::uint32_t place, const char* did, bool launches) const {
  std::string who = "thread " + describe_thread(other.thread());
  if (other.time() < block_) who += " of another block";
  if (launches) who = "work on another stream, or the host,";
  const std::string at = place == 0 ? "" : " at " + describe_place(place);
  fail(a, "data race: " + who + " " + did + " it" + at + " and nothing orders the two");
}

}  // namespace simt
