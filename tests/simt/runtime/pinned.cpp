// Protects pinned and managed pages from the host by mprotect while queued work uses them.
#include "runtime/pinned.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>

#include "checks/shadow.h"

namespace simt {
namespace {

constexpr std::size_t page = 4096;

struct User {
  std::uint32_t stream;
  std::uint64_t count;
  bool target, kernel = false;
  std::uintptr_t begin = 0, end = ~std::uintptr_t(0);
  bool meets(std::uintptr_t at, bool writes) const { return at >= begin && at < end && (target || writes); }
};
struct Pages {
  std::size_t bytes;
  std::vector<User> users;
  bool read = false, written = false;  // by the kernel that runs now
};

// Is never destroyed, because buffers with static storage may be freed last.
std::map<std::uintptr_t, Pages>& blocks() {
  static auto* const instance = new std::map<std::uintptr_t, Pages>;
  return *instance;
}

int open_copies = 0;
std::size_t used_blocks = 0;
std::vector<std::uintptr_t> touched;  // blocks
// Blocks that are open for one instruction, which has at most two operands in memory.
thread_local std::array<std::uintptr_t, 4> opened = {};
thread_local std::size_t opened_count = 0;

void protect(std::uintptr_t at, const Pages& block) {
  int access = PROT_READ | PROT_WRITE;
  if (open_copies == 0)
    for (const User& user : block.users) access &= user.target ? PROT_NONE : PROT_READ;
  ::mprotect(reinterpret_cast<void*>(at), block.bytes, access);
}

void protect_used() {
  if (used_blocks == 0) return;
  for (const auto& [at, block] : blocks())
    if (!block.users.empty()) protect(at, block);
}

std::map<std::uintptr_t, Pages>::iterator find(std::uintptr_t at) {
  auto next = blocks().upper_bound(at);
  if (next == blocks().begin()) return blocks().end();
  --next;
  return at < next->first + next->second.bytes ? next : blocks().end();
}
std::map<std::uintptr_t, Pages>::iterator find(const void* pointer) {
  return find(reinterpret_cast<std::uintptr_t>(pointer));
}

void add_user(std::map<std::uintptr_t, Pages>::iterator block, const User& user) {
  used_blocks += block->second.users.empty();
  block->second.users.push_back(user);
  protect(block->first, block->second);
}

// Returns a free place behind `from`, with so many bytes that nobody may touch on both sides; 0 if there is
// none.
std::uintptr_t find_place(std::uintptr_t from, std::size_t size, std::size_t gap) {
  std::uintptr_t at = from;
  for (auto next = blocks().lower_bound(from); next != blocks().end() && next->first < at + size + gap;
       ++next)
    at = next->first + next->second.bytes + gap;
  return at + size + gap <= reachable().base + reachable().bytes ? at : 0;
}

}  // namespace

const Arena& reachable() {
  static const Arena instance =
      watched ? reserve_arena({std::size_t(1) << 40, std::size_t(4) << 30}) : Arena{};
  return instance;
}

void* pinned_allocate(std::size_t bytes) {
  if (reachable().bytes == 0) {
    void* memory = nullptr;
    return ::posix_memalign(&memory, 256, bytes) == 0 ? memory : nullptr;
  }
  report_faults();
  static std::uintptr_t cursor = reachable().base + page;
  const std::size_t size = (bytes + page - 1) / page * page;
  const std::size_t gap = std::max(2 * size, std::size_t(256) << 20);
  std::uintptr_t at = find_place(cursor, size, gap);
  if (at == 0) at = find_place(reachable().base + gap, size, gap);
  if (at == 0) at = find_place(reachable().base + page, size, page);
  void* const memory = reinterpret_cast<void*>(at);
  if (at == 0 || ::mprotect(memory, size, PROT_READ | PROT_WRITE) != 0) return nullptr;
  cursor = at + size + gap;
  blocks()[at] = {.bytes = size, .users = {}};
  shadow_accept(memory, bytes, true);
  return memory;
}

void pinned_free(void* pointer, std::size_t bytes) {
  if (reachable().bytes == 0) return std::free(pointer);
  const auto found = find(pointer);
  used_blocks -= !found->second.users.empty();
  shadow_extent(pointer, 0, bytes, false);
  ::mprotect(pointer, found->second.bytes, PROT_NONE);
  ::madvise(pointer, found->second.bytes, MADV_DONTNEED);
  blocks().erase(found);
}

void pinned_in_use(const PinnedUse& use, const CUstream_st& stream) {
  const auto found = find(use.pointer);
  const auto begin = reinterpret_cast<std::uintptr_t>(use.pointer);
  if (found != blocks().end())
    add_user(found, {stream.number, stream.queued, use.target, false, begin, begin + use.bytes});
}

void pinned_touched(std::uintptr_t at, bool writes) {
  static thread_local std::pair<std::uintptr_t, Pages*> last = {0, nullptr};
  if (touched.empty() || last.second == nullptr || at - last.first >= last.second->bytes) {
    const auto found = find(at);
    if (found == blocks().end()) return;
    last = {found->first, &found->second};
  }
  Pages& block = *last.second;
  if (!block.read && !block.written) touched.push_back(last.first);
  (writes ? block.written : block.read) = true;
}

void pinned_kernel_ran() {
  if (touched.empty()) return;
  const order::Stamp kernel = order::running();
  for (const std::uintptr_t at : touched) {
    const auto found = blocks().find(at);
    if (found == blocks().end()) continue;
    if (!order::host_waited_for(kernel.stream, kernel.count))
      add_user(found, {kernel.stream, kernel.count, found->second.written, true});
    found->second.read = found->second.written = false;
  }
  touched.clear();
}

bool holds_pinned_pointer(const void* parameters, std::size_t bytes) {
  if (blocks().empty()) return false;
  for (std::size_t i = 0; i + sizeof(void*) <= bytes; i += sizeof(void*)) {
    std::uintptr_t value;
    std::memcpy(&value, static_cast<const char*>(parameters) + i, sizeof value);
    if (reachable().holds(value) && find(value) != blocks().end()) return true;
  }
  return false;
}

void pinned_release() {
  if (used_blocks == 0) return;
  for (auto& [at, block] : blocks()) {
    if (block.users.empty()) continue;
    std::erase_if(block.users,
                  [](const User& user) { return order::host_waited_for(user.stream, user.count); });
    used_blocks -= block.users.empty();
    protect(at, block);
  }
}

PinnedFault pinned_fault(const void* at, bool writes) {
  if (!reachable().holds(reinterpret_cast<std::uintptr_t>(at))) return {};
  const auto found = find(at);
  if (found == blocks().end())
    return {"host code touched pinned or managed memory out of bounds or after its end", Check::bounds};
  const auto meets = [&](const User& user) {
    return user.meets(reinterpret_cast<std::uintptr_t>(at), writes);
  };
  const auto& users = found->second.users;
  if (std::none_of(users.begin(), users.end(), meets)) return {};
  if (std::any_of(users.begin(), users.end(), [&](const User& user) { return user.kernel && meets(user); }))
    return {
        "host code touched managed or mapped memory that a queued kernel uses, without waiting for the "
        "kernel"};
  return {"host code touched pinned memory that a queued copy uses, without waiting for the copy"};
}

bool pinned_open_once(const void* at) {
  const auto found = find(at);
  if (found == blocks().end() || found->second.users.empty() || opened_count == opened.size()) return false;
  opened[opened_count++] = found->first;
  return ::mprotect(reinterpret_cast<void*>(found->first), found->second.bytes, PROT_READ | PROT_WRITE) == 0;
}

bool pinned_close_again() {
  if (opened_count == 0) return false;
  while (opened_count > 0)
    if (const auto found = blocks().find(opened[--opened_count]); found != blocks().end())
      protect(found->first, found->second);
  return true;
}

OpenPinned::OpenPinned() {
  if (open_copies++ == 0) protect_used();
}
OpenPinned::~OpenPinned() {
  if (--open_copies == 0) protect_used();
}

}  // namespace simt
