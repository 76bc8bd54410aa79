// Gives the variables of the device a shadow, and refuses host addresses of them.
#include "checks/globals.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>
#include <set>

#include "simt/machine.h"

namespace simt {
namespace {

Arena make_arena() {
  const auto& variables = device_variables();
  if (!watched || variables.empty()) return {};
  Arena arena;
  arena.base = variables.front().begin / 8 * 8;
  for (const Global& variable : variables)
    arena.bytes = std::max(arena.bytes, std::size_t(variable.end - arena.base));
  void* const cells = reserve_memory((arena.bytes / 4 + 2) * sizeof(Cell));
  if (cells == nullptr) throw std::bad_alloc();
  arena.cells = static_cast<Cell*>(cells);
  for (const Global& variable : variables)
    for (std::uintptr_t at = variable.begin; at < variable.end; ++at) {
      Cell& cell = arena.cell(at);
      cell.write = cell.write.with(cell.write.flags() | std::uint64_t(17) << (at - arena.base) % 4);
    }
  return arena;
}

struct Exposed {
  std::mutex mutex;
  std::set<std::uintptr_t> variables;
};
Exposed& exposed() {
  static Exposed* const instance = new Exposed;
  return *instance;
}

}  // namespace

thread_local int SymbolCall::depth = 0;

const Arena& globals() {
  static const Arena instance = make_arena();
  return instance;
}

const Global* device_variable_near(std::uintptr_t at) {
  const auto& variables = device_variables();
  auto next = std::upper_bound(variables.begin(), variables.end(), at,
                               [](std::uintptr_t a, const Global& v) { return a < v.begin; });
  if (next == variables.begin()) return nullptr;
  --next;
  return at < next->end || in_device_section(at) ? &*next : nullptr;
}

const Global* device_variable_at(std::uintptr_t at) {
  const Global* variable = device_variable_near(at);
  return variable != nullptr && at < variable->end ? variable : nullptr;
}

void expose_variable(const void* pointer) {
  const Global* variable = device_variable_at(reinterpret_cast<std::uintptr_t>(pointer));
  if (variable == nullptr) return;
  const std::lock_guard lock(exposed().mutex);
  exposed().variables.insert(variable->begin);
}

bool is_exposed(const Global& variable) {
  const std::lock_guard lock(exposed().mutex);
  return variable.managed || SymbolCall::depth > 0 || exposed().variables.contains(variable.begin);
}

void require_exposed(const void* parameters, std::size_t bytes) {
  const Arena& arena = globals();
  if (arena.bytes == 0) return;
  for (std::size_t at = 0; at + sizeof(void*) <= bytes; at += sizeof(void*)) {
    std::uintptr_t value;
    std::memcpy(&value, static_cast<const char*>(parameters) + at, sizeof value);
    if (!arena.holds(value)) continue;
    const Global* const variable = device_variable_at(value);
    if (variable == nullptr || is_exposed(*variable)) continue;
    throw Violation(
        Check::bounds,
        "a kernel's parameter is the host's address of `" + name_of(*variable) +
            "`, host memory that the device cannot reach: pass what cudaGetSymbolAddress returns");
  }
}

}  // namespace simt
