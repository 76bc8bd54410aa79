// Reports at the end of the program which memory was never freed, with the call that made it.
#include <cstdio>
#include <cstdlib>
#include <map>

#include "checks/watch.h"
#include "memory/memory.h"
#include "report/ending.h"

namespace simt {
namespace {

struct Leak {
  std::size_t count = 0, bytes = 0;
};

// One line for each place: a loop that allocates is one fault.
void report_leaks(int status, void*) {
  if (status != 0) return;
  bool found = false;
  for (const MemoryKind kind : {MemoryKind::device, MemoryKind::managed, MemoryKind::pinned}) {
    std::map<std::string, Leak> leaks;
    each_allocation(kind, [&](const void*, std::size_t bytes, const void* place) {
      Leak& leak = leaks[place == nullptr ? "an unknown place" : describe_place(place)];
      leak.count += 1;
      leak.bytes += bytes;
    });
    constexpr const char* names[] = {"device", "pinned", "managed"};
    for (const auto& [place, leak] : leaks) {
      report(Check::leak, std::to_string(leak.bytes) + " bytes of " + names[int(kind)] + " memory in " +
                              std::to_string(leak.count) + " allocations, made at " + place +
                              ", were never freed");
      found = true;
    }
  }
  if (found && is_listed(Check::leak)) std::_Exit(error_exit_code());
}

}  // namespace

void watch_leaks() {
  static const bool once = [] {
    if (is_listed(Check::leak) || (ends_programs() && is_wanted(Check::leak)))
      ::on_exit(report_leaks, nullptr);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace simt
