// Protects pinned pages from the host by mprotect while copies use them.
#include "runtime/pinned.h"

#include <sys/mman.h>

#include <cstdlib>
#include <map>

#include "checks/shadow.h"

namespace simt {
namespace {

constexpr std::size_t page = 4096;

struct User {
  std::uint32_t stream;
  std::uint64_t count;
  bool target;
};
struct Pages {
  std::size_t bytes;
  std::vector<User> users;
};

// Is never destroyed, because buffers with static storage may be freed last.
std::map<std::uintptr_t, Pages>& blocks() {
  static auto* const instance = new std::map<std::uintptr_t, Pages>;
  return *instance;
}

int open_copies = 0;
std::size_t used_blocks = 0;

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

std::map<std::uintptr_t, Pages>::iterator find(const void* pointer) {
  const auto at = reinterpret_cast<std::uintptr_t>(pointer);
  auto next = blocks().upper_bound(at);
  if (next == blocks().begin()) return blocks().end();
  --next;
  return at < next->first + next->second.bytes ? next : blocks().end();
}

}  // namespace

void* pinned_allocate(std::size_t bytes) {
  if (!watched) {
    void* memory = nullptr;
    return ::posix_memalign(&memory, 256, bytes) == 0 ? memory : nullptr;
  }
  const std::size_t size = (bytes + page - 1) / page * page;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  blocks()[reinterpret_cast<std::uintptr_t>(memory)] = {size, {}};
  return memory;
}

void pinned_free(void* pointer, std::size_t) {
  if (!watched) return std::free(pointer);
  const auto found = find(pointer);
  used_blocks -= !found->second.users.empty();
  ::munmap(pointer, found->second.bytes);
  blocks().erase(found);
}

void pinned_in_use(void* pointer, bool target, const CUstream_st& stream) {
  const auto found = find(pointer);
  if (found == blocks().end()) return;
  used_blocks += found->second.users.empty();
  found->second.users.push_back({stream.number, stream.queued, target});
  protect(found->first, found->second);
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

const char* pinned_fault(const void* at) {
  const auto found = find(at);
  if (found == blocks().end() || found->second.users.empty()) return nullptr;
  return "host code touched pinned memory that a queued copy uses, without waiting for the copy";
}

OpenPinned::OpenPinned() {
  if (open_copies++ == 0) protect_used();
}
OpenPinned::~OpenPinned() {
  if (--open_copies == 0) protect_used();
}

}  // namespace simt
