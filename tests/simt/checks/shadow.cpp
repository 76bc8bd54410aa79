// Applies the host's and the library calls' accesses to the shadow of device memory.
#include "checks/shadow.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "checks/order.h"
#include "runtime/runtime.h"

namespace simt {

bool checking = true;

namespace {

// Calls f(cell, bytes of the cell, index of its first byte in the range) for the cells of a range of device
// memory.
template <class F>
void each_cell(const void* pointer, std::size_t bytes, F f) {
  auto at = reinterpret_cast<std::uintptr_t>(pointer);
  if (!arena().holds(at)) return;
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t low = at % 4, count = std::min<std::size_t>(4 - low, bytes - done);
    if (!f(arena().cell(at), ((1u << count) - 1) << low, done)) return;
    at += count;
    done += count;
  }
}

Use host_use(unsigned bytes) { return {now(), 0, bytes, false}; }

}  // namespace

void shadow_extent(void* pointer, std::size_t live, std::size_t bytes, bool queued) {
  const OpenArena open;
  std::memset(pointer, 0xff, live);
  each_cell(pointer, bytes, [&](Cell& cell, unsigned mask, std::size_t from) {
    unsigned exist = cell.live() & ~mask;
    for (std::size_t i = from; i < from + std::size_t(std::popcount(mask)); ++i)
      if (i < live) exist |= 1u << ((reinterpret_cast<std::uintptr_t>(pointer) + i) % 4);
    if (queued && live == 0) {  // the last user matters to the block's next owner
      cell.write = cell.write.with(exist);
      return true;
    }
    cell = {};
    cell.write = (queued ? host_use(mask) : Use()).with(exist);
    return true;
  });
}

void shadow_accept(const void* pointer, std::size_t bytes) {
  each_cell(pointer, bytes, [](Cell& cell, unsigned, std::size_t) {
    cell.write = Use().with(cell.live() | 15u << 4);
    cell.read = Use();
    return true;
  });
}

void shadow_define(const void* pointer, std::size_t bytes) {
  if (!checking) return;
  each_cell(pointer, bytes, [](Cell& cell, unsigned mask, std::size_t) {
    cell.write = host_use(mask).with(cell.write.flags() | mask << 4);
    cell.write_place = 0;
    return true;
  });
}

void shadow_copy(const void* to, const void* from, std::size_t bytes) {
  if (!checking) return;
  const auto target = reinterpret_cast<std::uintptr_t>(to), source = reinterpret_cast<std::uintptr_t>(from);
  if (!arena().holds(target)) return;
  if (!arena().holds(source)) return shadow_define(to, bytes);
  std::vector<bool> defined(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    defined[i] = (arena().cell(source + i).defined() >> ((source + i) % 4) & 1) != 0;
  each_cell(to, bytes, [&](Cell& cell, unsigned mask, std::size_t first) {
    unsigned set = cell.defined() & ~mask;
    for (std::size_t i = first; i < first + std::size_t(std::popcount(mask)); ++i)
      if (defined[i]) set |= 1u << ((target + i) % 4);
    cell.write = host_use(mask).with(cell.live() | set << 4);
    cell.write_place = 0;
    return true;
  });
}

void shadow_read(const void* pointer, std::size_t bytes) {
  if (!checking) return;
  each_cell(pointer, bytes, [](Cell& cell, unsigned mask, std::size_t) {
    cell.read = host_use(mask);
    cell.read_place = 0;
    return true;
  });
}

void require_ordered(const void* pointer, std::size_t bytes, const char* call, bool writes) {
  if (!checking) return;
  const std::uint64_t ordered = order::ordered_until(now());
  if (ordered == now()) return;
  each_cell(pointer, bytes, [&](const Cell& cell, unsigned mask, std::size_t first) {
    const auto races = [&](Use use) {
      return (use.bytes() & mask) != 0 && use.time() >= ordered && !order::is_ordered(use.time());
    };
    const bool written = races(cell.write);
    if (!written && !(writes && races(cell.read))) return true;
    throw Violation({}, {}, {},
                    std::string(call) + ": data race: byte " + std::to_string(first) + " of " +
                        std::to_string(bytes) + (written ? " was written" : " was read") +
                        " by work on another stream and nothing orders the two");
  });
}

std::size_t shadow_first_undefined(const void* pointer, std::size_t bytes, bool* missing) {
  std::size_t found = bytes;
  each_cell(pointer, bytes, [&](const Cell& cell, unsigned mask, std::size_t first) {
    const unsigned bad = mask & ~(cell.defined() & cell.live());
    if (bad == 0) return true;
    found = first + std::size_t(std::countr_zero(bad) - std::countr_zero(mask));
    if (missing != nullptr) *missing = (cell.live() >> std::countr_zero(bad) & 1) == 0;
    return false;
  });
  return found;
}

void require_defined(const void* pointer, std::size_t bytes, const char* call, const char* argument) {
  if (!checking) return;
  bool missing = false;
  const std::size_t first = shadow_first_undefined(pointer, bytes, &missing);
  if (first == bytes) return;
  throw Violation({}, {}, {},
                  std::string(call) + ": byte " + std::to_string(first) + " of " + std::to_string(bytes) +
                      " of " + argument + (missing ? " is out of bounds" : " was never written"));
}

}  // namespace simt
