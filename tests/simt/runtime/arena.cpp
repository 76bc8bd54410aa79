// Implements device memory: a reserved range that is closed to the host, and its shadow. A protection key
// closes all of it at once. Without one, a faulting access that may be made opens the allocation that it
// meets, until the work ends.
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "checks/shadow.h"
#include "checks/watch.h"
#include "report/ending.h"
#include "runtime/pinned.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

constexpr std::size_t first_window = std::size_t(1) << 40;  // no reuse before this many bytes
constexpr std::size_t alignment = 512, page = 4096, huge_page = 512 * page;

// The bytes that stay free behind an allocation, so that a wrong index meets nothing: more than 1 GiB,
// without a power of two in it, and twice its own size. The narrow gap is for when address space is short.
std::size_t gap_behind(std::size_t bytes, bool narrow) {
  constexpr std::size_t usual = (std::size_t(1) << 30) + 0x135600;
  return narrow ? std::clamp(2 * bytes, std::size_t(16) << 10, std::size_t(1) << 20)
                : std::max(2 * bytes, usual);
}

struct Space {
  Arena arena;
  std::map<std::uintptr_t, std::size_t> live;
  std::uintptr_t cursor = 0;
  std::size_t window = 0;
  int key = -1;  // of the processor's memory protection, if it has that
  std::mutex mutex;
  int open = 0;                                                     // used without a key, as is the next
  std::vector<std::pair<std::uintptr_t, std::size_t>> opened = {};  // pages from an address on, in bytes
  struct sigaction previous = {};
};

Space& space();
thread_local int depth = 0;  // of this thread's OpenArena

// Writes an error from a signal handler, where no write may allocate memory.
void tell(const char* text) {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) std::_Exit(134);
}

// Ends the program, whose own code made the access at `place`. It is not inside of a call of the C library
// that the report needs, so a report may be printed here.
[[noreturn]] void end_by_fault(Check check, const std::string& text, const void* place) {
  end_if_wanted(check, text + " (" + describe_place(place) + ")");
  tell((text + "\n").c_str());
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

constexpr greg_t trap_flag = 0x100, page_was_written = 2;  // of the processor's flags; of the fault's code
struct sigaction previous_trap = {};

// The instruction that pinned_open_once let pass has been executed.
void on_trap(int signal, siginfo_t*, void* context) {
  if (!pinned_close_again()) {
    ::sigaction(signal, &previous_trap, nullptr);
    return;
  }
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~trap_flag;
}

void step_over(ucontext_t& context) {
  struct sigaction action = {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  struct sigaction before = {};
  ::sigaction(SIGTRAP, &action, &before);
  if ((before.sa_flags & SA_SIGINFO) == 0 || before.sa_sigaction != on_trap) previous_trap = before;
  context.uc_mcontext.gregs[REG_EFL] |= trap_flag;
}

// Returns the live allocation that holds the address, or the end.
auto block_at(const Space& s, std::uintptr_t at) {
  const auto next = s.live.upper_bound(at);
  const bool found = next != s.live.begin() && at < std::prev(next)->first + std::prev(next)->second;
  return found ? std::prev(next) : s.live.end();
}

// Opens the pages of the allocation that holds the address, or the page of an address that is in none.
void open_around(Space& s, std::uintptr_t at) {
  const std::lock_guard lock(s.mutex);
  const auto block = block_at(s, at);
  const bool found = block != s.live.end();
  const std::uintptr_t begin = (found ? block->first : at) / page * page;
  const std::uintptr_t end = (found ? block->first + block->second + page - 1 : at + page) / page * page;
  ::mprotect(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_WRITE);
  s.opened.push_back({begin, end - begin});
}

void on_fault(int signal, siginfo_t* info, void* context) {
  Space& s = space();
  auto& state = *static_cast<ucontext_t*>(context);
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  // A place is a return address, which is behind its instruction.
  const auto* const place = reinterpret_cast<const char*>(state.uc_mcontext.gregs[REG_RIP]) + 1;
  const bool writes = (state.uc_mcontext.gregs[REG_ERR] & page_was_written) != 0;
  if (const PinnedFault fault = pinned_fault(info->si_addr, writes); fault.text != nullptr)
    end_by_fault(fault.check, fault.text, place);
  if (pinned_open_once(info->si_addr)) return step_over(state);
  if (!s.arena.holds(at)) {  // not ours: the instruction runs again under the previous handler
    ::sigaction(signal, &s.previous, nullptr);
    return;
  }
  if (s.key < 0 && depth > 0) return open_around(s, at);
  char text[256];
  const auto block = block_at(s, at);
  if (block != s.live.end())
    std::snprintf(text, sizeof text,
                  "host code touched device memory %p, byte %zu of an allocation of %zu bytes, "
                  "outside a copy",
                  info->si_addr, std::size_t(at - block->first), block->second);
  else
    std::snprintf(text, sizeof text, "host code touched device memory %p, in no allocation, outside a copy",
                  info->si_addr);
  end_by_fault(Check::order, text, place);
}

void watch_faults(Space& s) {
  struct sigaction now_installed = {};
  ::sigaction(SIGSEGV, nullptr, &now_installed);
  if ((now_installed.sa_flags & SA_SIGINFO) != 0 && now_installed.sa_sigaction == on_fault) return;
  s.previous = now_installed;
  static char stack[65536];
  stack_t alternate = {};
  if (::sigaltstack(nullptr, &alternate) == 0 && (alternate.ss_flags & SS_DISABLE) != 0) {
    alternate.ss_sp = stack;
    alternate.ss_size = sizeof stack;
    alternate.ss_flags = 0;
    ::sigaltstack(&alternate, nullptr);
  }
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGSEGV, &action, nullptr);
}

// Is never destroyed, because buffers with static storage may be freed last.
Space& space() {
  static Space* const instance = [] {
    auto* s = new Space;
    if (!watched) return s;
    s->arena = reserve_arena({std::size_t(4) << 40, std::size_t(4) * most_device_capacity});
    if (s->arena.bytes == 0) throw std::bad_alloc();
    s->window = std::min(first_window, s->arena.bytes);
#ifdef PKEY_DISABLE_ACCESS
    if (std::getenv("SIMT_NO_KEYS") == nullptr) s->key = ::pkey_alloc(0, PKEY_DISABLE_ACCESS);
    if (s->key >= 0 && ::pkey_mprotect(reinterpret_cast<void*>(s->arena.base), s->arena.bytes,
                                       PROT_READ | PROT_WRITE, s->key) != 0)
      s->key = -1;
#endif
    return s;
  }();
  return *instance;
}

void set_access([[maybe_unused]] Space& s, [[maybe_unused]] bool on) {
#ifdef PKEY_DISABLE_ACCESS
  if (s.key >= 0) {
    ::pkey_set(s.key, on ? 0 : PKEY_DISABLE_ACCESS);
    return;
  }
#endif
  for (const auto& [begin, bytes] : s.opened) ::mprotect(reinterpret_cast<void*>(begin), bytes, PROT_NONE);
  s.opened.clear();
}

// Returns the first gap in the window, at `from` or after it, that holds `bytes`; 0 if there is none.
std::uintptr_t find_gap(const Space& s, std::uintptr_t from, std::size_t bytes, bool narrow) {
  const auto round = [](std::uintptr_t at) { return (at + alignment - 1) / alignment * alignment; };
  const auto behind = [narrow](const auto& block) {
    return block.first + block.second + gap_behind(block.second, narrow);
  };
  std::uintptr_t at = round(from);
  auto next = s.live.lower_bound(at);
  if (next != s.live.begin()) at = std::max(at, round(behind(*std::prev(next))));
  for (; next != s.live.end() && next->first < at + bytes + gap_behind(bytes, narrow); ++next)
    at = round(behind(*next));
  return at + bytes + gap_behind(bytes, narrow) <= s.arena.base + s.window ? at : 0;
}

// Returns 0 if the whole arena has no such gap.
std::uintptr_t find_place(Space& s, std::size_t bytes, bool narrow) {
  // An index below the first block stays in the arena.
  const std::uintptr_t lowest = s.arena.base + gap_behind(0, narrow);
  for (;;) {
    std::uintptr_t at = find_gap(s, std::max(s.cursor, lowest), bytes, narrow);
    if (at == 0) at = find_gap(s, lowest, bytes, narrow);
    if (at != 0 || s.window == s.arena.bytes) return at;
    s.window = std::min(2 * s.window, s.arena.bytes);
  }
}

}  // namespace

void* reserve_memory(std::size_t bytes, bool open) {
  void* memory = ::mmap(nullptr, bytes, open ? PROT_READ | PROT_WRITE : PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

Arena reserve_arena(std::initializer_list<std::size_t> sizes) {
  for (const std::size_t bytes : sizes) {
    void* const memory = reserve_memory(bytes, false);
    void* const cells = reserve_memory(bytes / 4 * sizeof(Cell));
    if (memory != nullptr && cells != nullptr)
      return {reinterpret_cast<std::uintptr_t>(memory), bytes, static_cast<Cell*>(cells)};
    if (memory != nullptr) ::munmap(memory, bytes);
    if (cells != nullptr) ::munmap(cells, bytes / 4 * sizeof(Cell));
  }
  return {};
}

const Arena& arena() { return space().arena; }

void report_faults() { watch_faults(space()); }

namespace {

bool has_huge_pages(const Space& s, std::size_t bytes) { return s.key < 0 && bytes >= 2 * huge_page; }

void* page_of(std::uintptr_t at) { return reinterpret_cast<void*>(at / page * page); }

}  // namespace

void* arena_allocate(std::size_t bytes) {
  Space& s = space();
  if (s.arena.bytes == 0) {
    void* memory = nullptr;
    return ::posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
  }
  watch_faults(s);
  std::uintptr_t at = find_place(s, bytes, false);
  const bool narrow = at == 0;
  if (narrow) at = find_place(s, bytes, true);
  if (at == 0) return nullptr;
  s.cursor = at + bytes + gap_behind(bytes, narrow);
  s.live[at] = bytes;
  // mprotect visits every page's entry. With huge pages there are 512 times fewer.
  if (has_huge_pages(s, bytes)) ::madvise(page_of(at), bytes, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(at);
}

// Returns whole pages to the system.
void arena_free(void* pointer, std::size_t bytes) {
  Space& s = space();
  if (s.arena.bytes == 0) return std::free(pointer);
  const auto at = reinterpret_cast<std::uintptr_t>(pointer);
  s.live.erase(at);
  shadow_extent(pointer, 0, bytes, false);
  const auto give_back = [](std::uintptr_t begin, std::uintptr_t end, std::uintptr_t unit) {
    begin = (begin + unit - 1) / unit * unit;
    end = end / unit * unit;
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  };
  // Freeing a part of a huge page would split it.
  give_back(at, at + bytes, has_huge_pages(s, bytes) ? huge_page : page);
  const auto cell = reinterpret_cast<std::uintptr_t>(&s.arena.cell(at));
  if (bytes > 4 * page) give_back(cell, cell + bytes / 4 * sizeof(Cell), page);
}

OpenArena::OpenArena() {
  Space& s = space();
  if (s.arena.bytes == 0 || depth++ > 0) return;
  const std::lock_guard lock(s.mutex);
  if (s.key >= 0) {
    set_access(s, true);
  } else {
    watch_faults(s);  // anew, because a test framework may have installed its own handler
    ++s.open;
  }
}
OpenArena::~OpenArena() {
  Space& s = space();
  if (s.arena.bytes == 0 || --depth > 0) return;
  const std::lock_guard lock(s.mutex);
  if (s.key >= 0 || --s.open == 0) set_access(s, false);
}

}  // namespace simt
