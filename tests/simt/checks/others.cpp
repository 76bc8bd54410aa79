// Keeps the uses that a cell of the shadow has no room for.
#include <unordered_map>

#include "checks/shadow.h"

namespace simt {
namespace {

std::unordered_map<const Cell*, OtherUses>& table() {
  static auto* const instance = new std::unordered_map<const Cell*, OtherUses>;
  return *instance;
}

}  // namespace

OtherUses& others_of(Cell& cell) {
  OtherUses& others = table()[&cell];
  if (!cell.read.has(more)) {
    others.readers.clear();
    others.updates.clear();
    cell.read = cell.read.with(cell.read.flags() | more);
  }
  return others;
}

const OtherUses* find_others(const Cell& cell) {
  if (!cell.read.has(more)) return nullptr;
  const auto found = table().find(&cell);
  return found == table().end() ? nullptr : &found->second;
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
  if (!table().empty()) table().clear();
}

}  // namespace simt
