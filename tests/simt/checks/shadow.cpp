// Keeps the shadow of device memory, and applies the host's and the library calls' accesses to it.
#include "checks/shadow.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <unordered_map>

#include "checks/globals.h"
#include "checks/order.h"
#include "report/ending.h"
#include "runtime/runtime.h"
#include "simt/padding.h"

namespace simt {

bool checking = true;

namespace {

// Calls f(cell, bytes of the cell, index of its first byte in the range) for the cells of a range of device
// memory.
template <class F>
void each_cell(const void* pointer, std::size_t bytes, F f) {
  auto at = reinterpret_cast<std::uintptr_t>(pointer);
  const Arena* const arena = arena_of(at);
  if (arena == nullptr) return;
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t low = at % 4, count = std::min<std::size_t>(4 - low, bytes - done);
    if (!f(arena->cell(at), ((1u << count) - 1) << low, done)) return;
    at += count;
    done += count;
  }
}

Use host_use(unsigned bytes) { return {now(), 0, bytes, false}; }

}  // namespace

const Arena* arena_of(std::uintptr_t at) {
  if (arena().holds(at)) return &arena();
  if (reachable().holds(at)) return &reachable();
  return globals().holds(at) && device_variable_at(at) != nullptr ? &globals() : nullptr;
}

namespace {

struct Table {
  std::unordered_map<const Cell*, OtherUses> uses;
  // The cells that were asked for last, by a few bits of their addresses. `uses` keeps its elements in place.
  struct Recent {
    const Cell* cell = nullptr;
    OtherUses* uses = nullptr;
  };
  std::array<Recent, 1024> recent;

  Recent& recent_of(const Cell& cell) {
    return recent[reinterpret_cast<std::uintptr_t>(&cell) / sizeof(Cell) % recent.size()];
  }
};
Table& table() {
  static auto* const instance = new Table;
  return *instance;
}

}  // namespace

OtherUses& others_of(Cell& cell) {
  Table::Recent& recent = table().recent_of(cell);
  if (recent.cell != &cell) recent = {&cell, &table().uses[&cell]};
  OtherUses& others = *recent.uses;
  if (!cell.read.has(more)) {
    others.readers.clear();
    others.updates.clear();
    others.for_block = false;
    cell.read = cell.read.with(cell.read.flags() | more);
  }
  return others;
}

const OtherUses* find_others(const Cell& cell) {
  if (!cell.read.has(more)) return nullptr;
  Table::Recent& recent = table().recent_of(cell);
  if (recent.cell == &cell) return recent.uses;
  const auto found = table().uses.find(&cell);
  if (found == table().uses.end()) return nullptr;
  recent = {&cell, &found->second};
  return recent.uses;
}

// A later read of the same thread, in the same launch, replaces an earlier one.
void keep_reader(Cell& cell, std::uint64_t launch) {
  auto& readers = others_of(cell).readers;
  const OtherUse last{cell.read, cell.read_block, cell.read_place};
  for (OtherUse& old : readers)
    if (old.block == last.block && old.use.thread() == last.use.thread() &&
        old.use.bytes() == last.use.bytes() && old.use.is_atomic() == last.use.is_atomic() &&
        old.use.time() >= launch && last.use.time() >= launch) {
      old = last;
      return;
    }
  readers.push_back(last);
}

void forget_others() {
  if (table().uses.empty()) return;
  table().uses.clear();
  table().recent.fill({});
}

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

void shadow_accept(const void* pointer, std::size_t bytes, bool live) {
  each_cell(pointer, bytes, [live](Cell& cell, unsigned mask, std::size_t) {
    cell.write = Use().with(cell.live() | (live ? mask : 0) | 15u << 4);
    cell.read = Use();
    return true;
  });
}

void shadow_define(const void* pointer, std::size_t bytes) {
  if (!checking) return;
  each_cell(pointer, bytes, [](Cell& cell, unsigned mask, std::size_t) {
    cell.write = host_use(mask).with((cell.write.flags() & 255) | mask << 4);
    cell.write_place = 0;
    if (mask == 15) cell.read = Use();
    return true;
  });
}

void shadow_copy(const void* to, const void* from, std::size_t bytes) {
  if (!checking) return;
  const auto target = reinterpret_cast<std::uintptr_t>(to), source = reinterpret_cast<std::uintptr_t>(from);
  if (arena_of(target) == nullptr) return;
  const Arena* const from_arena = arena_of(source);
  if (from_arena == nullptr) return shadow_define(to, bytes);
  std::vector<bool> defined(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    defined[i] = (from_arena->cell(source + i).defined() >> ((source + i) % 4) & 1) != 0;
  const Cell *const begin = &from_arena->cell(source), *const end = &from_arena->cell(source + bytes - 1) + 1;
  each_cell(from, bytes,
            [&](const Cell& cell, unsigned mask, std::size_t first) {  // a copy has its own traces
              if (mask == 15 && cell.defined() == 0 &&
                  is_padding_of_word(&cell, (source + first) % 8 != 0, begin, end))
                std::fill_n(defined.begin() + std::ptrdiff_t(first), 4, true);
              return true;
            });
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
  const std::uint64_t ordered = order::ordered_until(now());
  each_cell(pointer, bytes, [ordered](Cell& cell, unsigned mask, std::size_t) {
    if (cell.read.time() >= ordered && !order::is_ordered(cell.read.time())) keep_reader(cell, now());
    cell.read = host_use(mask).with(cell.read.flags() & more);
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
    bool written = races(cell.write), read = races(cell.read);
    if (const OtherUses* const others = find_others(cell); others != nullptr) {
      for (const OtherUse& each : others->updates) written = written || races(each.use);
      for (const OtherUse& each : others->readers) read = read || races(each.use);
    }
    if ((!written && !(writes && read)) || !is_wanted(Check::race)) return true;
    throw Violation(Check::race, std::string(call) + ": data race: byte " + std::to_string(first) + " of " +
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

namespace {

// Returns whether the undefined bytes look like padding of records: holes of at most 3 bytes or, with
// `words`, of 4 beside a member of 8, which repeat with the size of a record.
bool is_padding(const void* pointer, std::size_t bytes, bool words) {
  std::vector<bool> hole(bytes, false);
  std::size_t length = 0;
  const auto at = reinterpret_cast<std::uintptr_t>(pointer);
  const Arena* const arena = arena_of(at);
  if (arena == nullptr) return false;
  const Cell* const begin = &arena->cell(at);
  const Cell* const end = &arena->cell(at + bytes - 1) + 1;
  each_cell(pointer, bytes, [&](const Cell& cell, unsigned mask, std::size_t first) {
    unsigned bad = mask & ~(cell.defined() & cell.live());
    const bool word = words && bad == 15 && is_padding_of_word(&cell, (at + first) % 8 != 0, begin, end);
    for (; bad != 0; bad &= bad - 1)
      hole[first + std::size_t(std::countr_zero(bad) - std::countr_zero(mask))] = true;
    for (std::size_t i = first; i < first + std::size_t(std::popcount(mask)) && length < 4; ++i)
      length = hole[i] && !word ? length + 1 : 0;
    return length < 4;
  });
  const auto repeats = [&](std::size_t size) {
    return bytes > size && std::equal(hole.begin() + std::ptrdiff_t(size), hole.end(), hole.begin());
  };
  if (length >= 4 || hole[0] || repeats(4)) return false;  // elements that nobody wrote
  constexpr std::size_t smallest = 8, largest = 512;
  if (bytes <= 64) return true;
  for (std::size_t size = smallest; size <= std::min(largest, bytes / 2); size += 4)
    if (repeats(size)) return true;
  return false;
}

// Returns whether the undefined bytes are padding of these records.
bool is_padding_of(const Record& record, const void* pointer, std::size_t bytes) {
  bool padding = true;
  each_cell(pointer, bytes, [&](const Cell& cell, unsigned mask, std::size_t first) {
    for (unsigned bad = mask & ~(cell.defined() & cell.live()); bad != 0; bad &= bad - 1) {
      const std::size_t byte = first + std::size_t(std::countr_zero(bad) - std::countr_zero(mask));
      padding = padding && record.used[byte % record.bytes] == 0;
    }
    return padding;
  });
  return padding;
}

}  // namespace

bool is_padding_of_word(const Cell* cell, bool upper, const Cell* begin, const Cell* end) {
  const Cell* const word = upper ? cell - 1 : cell;
  const Cell* const half = upper ? cell - 1 : cell + 1;
  if (half < begin || half >= end || half->defined() == 0) return false;
  const auto is_member = [&](const Cell* low) {
    if (low < begin || low + 1 >= end || low->defined() != 15 || low->write.bytes() != 15) return false;
    return low->write == low[1].write && low->write_place == low[1].write_place &&
           low->write_block == low[1].write_block && low->write_place != half->write_place;
  };
  return is_member(word - 2) || is_member(word + 2);
}

void require_defined(const void* pointer, std::size_t bytes, const char* call, const char* argument,
                     const Record* record) {
  if (!checking) return;
  bool missing = false;
  const std::size_t first = shadow_first_undefined(pointer, bytes, &missing);
  if (first == bytes || (!missing && !is_wanted(Check::init))) return;
  if (!missing && record != nullptr && is_padding_of(*record, pointer, bytes)) return;
  if (!missing && is_padding(pointer, bytes, record == nullptr)) return;
  throw Violation(missing ? Check::bounds : Check::init,
                  std::string(call) + ": byte " + std::to_string(first) + " of " + std::to_string(bytes) +
                      " of " + argument + (missing ? " is out of bounds" : " was never written"));
}

}  // namespace simt
