// Decides whether a kernel has a pointer to what it touches: an index may have left one allocation for
// another.
#include <cstring>

#include "checks/globals.h"
#include "checks/quick.h"
#include "machine/block.h"
#include "memory/memory.h"

namespace simt {
namespace {

// Calls f(word) for the words of 8 bytes in the memory, each `step` bytes behind the one before.
template <class F>
void each_word(const void* from, std::size_t bytes, std::size_t step, F f) {
  std::uintptr_t word;
  for (std::size_t at = 0; at + sizeof word <= bytes; at += step) {
    std::memcpy(&word, static_cast<const char*>(from) + at, sizeof word);
    f(word);
  }
}

// Returns whether memory that kernels can read holds a pointer to the allocation.
bool is_pointer_stored(const Extent& to) {
  bool found = false;
  const auto look = [&](const void* from, std::size_t bytes, const void*) {
    each_word(from, bytes, sizeof(void*), [&](std::uintptr_t word) { found = found || to.leads_to(word); });
  };
  for (const MemoryKind kind :
       {MemoryKind::device, MemoryKind::pinned, MemoryKind::managed, MemoryKind::registered})
    if (!found) each_allocation(kind, look);
  for (const Global& v : device_variables())
    if (!found) look(reinterpret_cast<const void*>(v.begin), v.end - v.begin, nullptr);
  return found;
}

}  // namespace

void Watch::start_reach() {
  reached_.resize((device_.bytes >> reach_unit) + 1);
  ++reached_in_;
  has_reached_parameters_ = false;
}

void Watch::reach(std::uintptr_t word) {
  if (!device_.holds(word) || is_reached(word)) return;
  const Extent block = allocation_near(word);
  if (block.begin == block.end) return;
  for (std::uintptr_t at = (block.begin - device_.base) >> reach_unit;
       at <= (block.end - device_.base) >> reach_unit; ++at)
    reached_[at] = reached_in_;
}

void Watch::reach_loaded(std::uintptr_t from, std::size_t bytes) {
  each_word(reinterpret_cast<const void*>(from), bytes, sizeof(void*),
            [this](std::uintptr_t word) { reach(word); });
}

void Watch::check_reached(const Now& a) {
  std::string others;
  if (!has_reached_parameters_)
    each_word(reinterpret_cast<const void*>(parameters_), parameter_bytes_, 1,
              [this](std::uintptr_t word) { reach(word); });
  has_reached_parameters_ = true;
  if (is_reached(a.at)) return;
  const Extent block = allocation_near(a.at);
  if (a.at < block.begin || a.at >= block.end) return;  // it is in no allocation
  reach(block.begin);
  if (has_texture(block) || is_pointer_stored(block)) return;
  each_word(reinterpret_cast<const void*>(parameters_), parameter_bytes_, sizeof(void*),
            [&](std::uintptr_t word) {
              if (device_.holds(word) && others.size() < 200)
                others += (others.empty() ? ", only to " : " and ") +
                          describe_device_address(reinterpret_cast<const void*>(word));
            });
  fail(a, Check::bounds, "out of bounds: the kernel has no pointer to this allocation" + others);
}

}  // namespace simt
