// Implements the rules for accesses to device and shared memory.
#include "checks/quick.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "checks/globals.h"
#include "checks/order.h"
#include "machine/block.h"
#include "memory/memory.h"
#include "report/ending.h"
#include "runtime/pinned.h"
#include "runtime/runtime.h"

namespace simt {

constinit thread_local Watch* watching = nullptr;

void Watch::start_launch(const Grid& grid) {
  device_ = arena();
  launch_ = tick();
  order::set_waited(true);
  ordered_ = ordered_after_ = order::ordered_until(launch_);
  may_wait_ = order::set_waited(false);
  if (may_wait_) ordered_ = ordered_before_ = order::ordered_until(launch_);
  stack_bytes_ = parameter_bytes_ = grid_barrier_ = 0;
  may_have_padding_ = false;
  fences_.start_launch(grid.cluster.x * grid.cluster.y * grid.cluster.z > 1);
  start_reach();
  doubtful_.bytes = stored_.bytes = 0;
  if (ordered_ == launch_) forget_others();
  warp_count_ = (std::size_t(grid.block.x) * grid.block.y * grid.block.z + 31) / 32;
  if (tls_bytes_ == 0) own_thread_local(&tls_, &tls_bytes_);
  profiler_.start_launch(grid);
  find_index_variables();
  first_place_ = short_place(nullptr);
  quick_ = checking && !profiler_.on();
}

void Watch::end_launch() {
  watching = nullptr;
  profiler_.end_launch();
}

void Watch::start_block(std::uint64_t number) {
  number_ = std::uint32_t(number);
  block_ = barrier_ = tick();
  static_bytes_ = 0;
  statics_.clear();
  copies_.clear();
  if (warps_.size() < warp_count_) warps_.resize(warp_count_);
  if (static_cells_ == nullptr) static_cells_ = std::make_unique<Cell[]>(tls_bytes_ / 4 + 2);
}

std::unique_ptr<Watch::Parked> Watch::park_block() {
  profiler_.leave_block();
  return std::make_unique<Parked>(Parked{
      .number = number_,
      .block = block_,
      .barrier = barrier_,
      .shared_cells = std::move(shared_cells_),
      .static_cells = std::move(static_cells_),
      .shared_capacity = std::exchange(shared_capacity_, 0),
      .static_bytes = static_bytes_,
      .warps = std::exchange(warps_, {}),
      .statics = std::exchange(statics_, {}),
      .copies = std::exchange(copies_, {}),
  });
}

void Watch::resume_block(Parked& parked) {
  number_ = parked.number;
  block_ = parked.block;
  barrier_ = parked.barrier;
  shared_cells_ = std::move(parked.shared_cells);
  static_cells_ = std::move(parked.static_cells);
  shared_capacity_ = parked.shared_capacity;
  static_bytes_ = parked.static_bytes;
  warps_ = std::move(parked.warps);
  statics_ = std::move(parked.statics);
  copies_ = std::move(parked.copies);
}

void Watch::barrier(int live) {
  barrier_ = tick();
  fences_.meet(number_, live);
  profiler_.barrier();
}

void Watch::barrier_of(Parked& parked, int live) {
  parked.barrier = tick();
  fences_.meet(parked.number, live);
}

void Watch::set_shared(void* shared, std::size_t bytes) {
  shared_ = reinterpret_cast<std::uintptr_t>(shared);
  shared_bytes_ = bytes;
  if (shared_capacity_ >= bytes) return;
  shared_capacity_ = bytes;
  shared_cells_ = std::make_unique<Cell[]>(bytes / 4 + 1);
}

void Watch::sync_lanes(int warp, unsigned lanes, bool whole) {
  const std::uint64_t time = tick();
  fences_.meet(number_, warp, lanes);
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

// Set once, before kernels run.
static bool alignment_by_type = false;
bool leave_alignment_to_types() { return alignment_by_type = true; }

void Watch::fail_alignment(std::uintptr_t at, std::size_t alignment, AccessKind kind,
                           const void* place) const {
  fail({at, alignment, kind, place, Scope::device}, Check::bounds,
       "misaligned access: " + std::to_string(alignment) +
           " bytes need an address that is a multiple of as many");
}

void Watch::check_range(Cell* cells, std::uintptr_t offset, Now& a) {
  const std::size_t needed = a.bytes == 16 && alignment_by_type ? 8 : a.bytes;
  if (a.bytes <= 16 && std::has_single_bit(a.bytes) && a.at % needed != 0)
    fail_alignment(a.at, a.bytes, a.kind, a.place);
  Cell* cell = cells + offset / 4;
  if (a.bytes == 4 && offset % 4 == 0) return check_cell(*cell, 15, a);
  for (; a.done < a.bytes; ++cell) {
    const std::size_t low = offset % 4, count = std::min<std::size_t>(4 - low, a.bytes - a.done);
    check_cell(*cell, ((1u << count) - 1) << low, a);
    offset += count;
    a.done += count;
  }
}

// The compiler fills local variables with 0xFE (-ftrivial-auto-var-init), so that values that were never set
// show when they arrive in memory. Sums of floating-point numbers with them keep the pattern.
void Watch::look_at_stored() {
  const Stored s = std::exchange(stored_, {});
  unsigned char pattern[16];
  std::memset(pattern, 0xfe, sizeof pattern);
  if (s.bytes <= sizeof pattern && std::memcmp(reinterpret_cast<const void*>(s.at), pattern, s.bytes) == 0)
    fail({s.at, s.bytes, AccessKind::write, s.place, Scope::device}, Check::init,
         "stores a local variable that was never set");
}

void Watch::note_pace(const Now& a) {
  latest_place_ = a.place;
  if (a.kind == AccessKind::write || a.kind == AccessKind::volatile_write) {
    ++writes_;
    if (checking && a.bytes >= 4 && device_.holds(a.at)) stored_ = {a.at, a.bytes, a.place};
  }
  if (!is_read(a.kind)) return;
  const int count = is_volatile(a.kind) ? volatile_reads : 1;
  reads_ += count;
  if (reads_ < most_reads) return;
  reads_ = 0;
  if (is_volatile(a.kind))
    machine().give_way(most_reads / volatile_reads, 0);
  else
    machine().give_way(most_reads / 4, a.at);
}

void Watch::access(std::uintptr_t at, std::size_t bytes, AccessKind kind, const void* place, Scope scope) {
  if (at - stack_ < stack_bytes_) return;
  settle();
  Now a{at, bytes, kind, place, scope};
  note_pace(a);
  if (!checking) return count_only(a);
  if (kind == AccessKind::float_update && !float_atomics_allowed())
    fail(a, Check::api, "a floating-point atomic: its result depends on the order of arrival");
  if (device_.holds(at)) {
    if (!is_reached(at)) check_reached(a);
    check_range(device_.cells, at - device_.base, a);
    profiler_.global(thread_, at, bytes, !is_read(kind), place);
  } else if (at - shared_ < shared_bytes_) {
    if (bytes > shared_bytes_ - (at - shared_)) fail_bounds(a);
    a.in_shared = true;
    a.begun = block_;
    check_range(shared_cells_.get(), at - shared_, a);
    profiler_.shared(thread_, at - shared_, bytes, !is_read(kind), place);
  } else {
    access_elsewhere(a);
  }
  if (bytes >= sizeof(void*) && (is_read(kind) || is_update(kind))) reach_loaded(at, bytes);
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

void Watch::find_index_variables() {
  const auto at = [](const auto& v) { return reinterpret_cast<std::uintptr_t>(&v); };
  index_begin_ = std::min({at(threadIdx), at(blockIdx), at(blockDim), at(gridDim)});
  index_bytes_ =
      std::max({at(threadIdx), at(blockIdx), at(blockDim), at(gridDim)}) + sizeof(dim3) - index_begin_;
  if (index_bytes_ > 4 * sizeof(dim3)) index_bytes_ = 0;
}

bool Watch::is_index_variable(std::uintptr_t at) const {
  const auto in = [at](const auto& v) { return at - reinterpret_cast<std::uintptr_t>(&v) < sizeof v; };
  return in(threadIdx) || in(blockIdx) || in(blockDim) || in(gridDim);
}

// Fills a variable with 0xFF at its first use in a block.
Cell* Watch::static_cells(const Now& a, const Statics& of) {
  const std::uintptr_t own = a.at - of.shift;
  Cell* const cell = of.cells + (own - tls_ / 4 * 4) / 4;
  if (cell->write.time() >= of.begun && (cell->live() >> (own % 4) & 1) != 0) return cell;
  const StaticShared variable = static_shared_at(own);
  if (variable.begin == variable.end) return nullptr;
  if (own + a.bytes > variable.end) fail_bounds(a);
  std::memset(reinterpret_cast<void*>(variable.begin + of.shift), 0xff, variable.end - variable.begin);
  for (std::uintptr_t at = variable.begin; at < variable.end; ++at) {
    Cell& c = of.cells[(at - tls_ / 4 * 4) / 4];
    const std::uint64_t before = c.write.time() >= of.begun ? c.write.flags() : 0;
    c = {};
    c.write = Use(of.begun, 0, 0, false).with(before | std::uint64_t(1) << (at % 4));
  }
  of.bytes += variable.end - variable.begin;
  of.used.push_back(variable);
  if (of.bytes + shared_bytes_ > std::size_t(shared_default) && of.bytes > std::size_t(shared_default))
    fail(a, Check::api,
         "uses " + std::to_string(of.bytes) + " bytes of static shared memory, at most " +
             std::to_string(shared_default) + " exist");
  return cell;
}

bool Watch::is_written(std::uintptr_t at) const {
  const Cell* cell = nullptr;
  if (device_.holds(at))
    cell = &device_.cell(at);
  else if (at - shared_ < shared_bytes_)
    cell = &shared_cells_[(at - shared_) / 4];
  else if (at - tls_ < tls_bytes_)
    cell = &static_cells_[(at - tls_ / 4 * 4) / 4];
  if (cell == nullptr || (cell->defined() >> at % 4 & 1) == 0) return false;
  return device_.holds(at) || cell->write.time() >= block_;
}

// Handles variables of the device, and memory of the host that the device reaches.
bool Watch::access_other_arena(Now& a) {
  const Arena* arena = nullptr;
  if (reachable().holds(a.at)) {
    arena = &reachable();
    pinned_touched(a.at, !is_read(a.kind));
  } else if (globals().holds(a.at) && device_variable_near(a.at) != nullptr) {
    arena = &globals();
  }
  if (arena == nullptr) return is_registered(a.at);
  check_range(&arena->cell(a.at), a.at % 4, a);
  profiler_.global(thread_, a.at, a.bytes, !is_read(a.kind), a.place);
  return true;
}

namespace {

bool is_near(std::uintptr_t at, const StaticShared& variable) {
  constexpr std::uintptr_t near = 65536;
  return variable.begin != variable.end &&
         at - (variable.begin - near) < variable.end - variable.begin + 2 * near;
}

}  // namespace

void Watch::access_elsewhere(Now& a) {
  if (is_index_variable(a.at)) {
    if (!is_read(a.kind)) fail(a, Check::bounds, "writes an index variable");
    return;
  }
  if (a.at - tls_ < tls_bytes_) {
    if (Cell* const cell = static_cells(a); cell != nullptr) {
      a.in_shared = true;
      a.begun = block_;
      check_range(cell, a.at % 4, a);
      return profiler_.shared(thread_, a.at - tls_, a.bytes, !is_read(a.kind), a.place);
    }
  }
  if (is_read(a.kind) && (a.at - parameters_ < parameter_bytes_ || is_constant_data(a.at))) return;
  if (is_guard_variable(a.at) || access_other_arena(a)) return;
  if (Block* const other = machine().block_of_shared(a.at); other != nullptr) return access_remote(a, *other);
  if (shared_bytes_ > 0 && is_near(a.at, {shared_, shared_ + shared_bytes_, {}})) fail_bounds(a);
  if (is_red_zone(a.at)) fail_bounds(a);
  for (const StaticShared& used : statics_)
    if (is_near(a.at, used)) fail_bounds(a);
  fail(a, Check::bounds, a.at < 4096 ? "null pointer" : "host memory touched by a kernel");
}

namespace {

std::string hex(std::uintptr_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%zx", std::size_t(value));
  return text;
}

std::string describe_byte(std::uintptr_t at, std::uintptr_t begin, std::uintptr_t end,
                          const std::string& name) {
  return ", byte " + std::to_string(std::ptrdiff_t(at - begin)) + " of " + std::to_string(end - begin) +
         " of " + name;
}

std::string describe_thread(int thread) {
  const int x = int(blockDim.x), y = int(blockDim.y);
  std::string text = "(";  // a sum of temporaries makes g++ 12 warn of an overlap that is none
  text += std::to_string(thread % x) + ", " + std::to_string(thread / x % y) + ", ";
  return text += std::to_string(thread / x / y) + ")";
}

}  // namespace

void Watch::fail(const Now& a, Check check, const std::string& text) const {
  std::string where = text + ": " + (is_read(a.kind) ? "reads " : "writes ") + std::to_string(a.bytes) +
                      " bytes at " + hex(a.at);
  if (const auto at = std::ptrdiff_t(a.at - shared_);
      shared_bytes_ > 0 && text == "out of bounds" && std::abs(at) < std::ptrdiff_t(1) << 20)
    where +=
        ", byte " + std::to_string(at) + " of " + std::to_string(shared_bytes_) + " of dynamic shared memory";
  else if (a.at - shared_ < shared_bytes_)
    where += ", byte " + std::to_string(a.at - shared_) + " of " + std::to_string(shared_bytes_) +
             " of dynamic shared memory";
  else if (arena().holds(a.at) || reachable().holds(a.at))
    where += ", " + describe_device_address(reinterpret_cast<const void*>(a.at));
  else if (const StaticShared v = static_shared_at(a.at); v.begin != v.end)
    where += describe_byte(a.at, v.begin, v.end, v.name);
  else if (const Block* const other = machine().block_of_shared(a.at); other != nullptr)
    where += ", in the shared memory of block " + text_of(other->index) + " of the cluster";
  else if (const StaticShared near = static_shared_near(a.at, machine().grid()->kernel, statics_);
           text == "out of bounds" && is_near(a.at, near))
    where += describe_byte(a.at, near.begin, near.end, near.name);
  else if (const Global* global = device_variable_near(a.at); global != nullptr)
    where += describe_byte(a.at, global->begin, global->end, name_of(*global));
  machine().break_off(check, where, a.place);
}

void Watch::fail_bounds(const Now& a) const { fail(a, Check::bounds, "out of bounds"); }

void Watch::fail_race(const Now& a, const OtherUse& other, const char* did) const {
  if (!is_wanted(Check::race)) return;
  std::string who = "thread " + describe_thread(other.use.thread());
  if (other.use.time() < launch_)
    who = "work on another stream, or the host,";
  else if (other.block != number_)
    who += " of another block";
  const std::string at = other.place == 0 ? "" : " at " + describe_place(other.place);
  fail(a, Check::race, "data race: " + who + " " + did + " it" + at + " and nothing orders the two");
}

}  // namespace simt
