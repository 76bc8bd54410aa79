// The caching pool behind Buffer, one per device; blocks are kept by size class and never split.
#include "kernels/device/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/device/error.h"
#include "kernels/host/address_space.h"
#include "kernels/host/host_memory.h"
#if STILLPOINT_CUDA
#include "kernels/device/cuda_memory.h"
#endif

namespace stillpoint {
namespace {

// Under AddressSanitizer blocks are exact and never reused, so that it sees every overrun.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool caching = false;
#else
constexpr bool caching = true;
#endif
constexpr std::size_t huge_page = std::size_t(2) << 20;

// Rounds up to a size class: a multiple of 64 bytes that leaves at most 1/8 of a block unused.
std::size_t size_class(std::size_t bytes) {
  if (!caching) return bytes;
  const std::size_t step = std::max<std::size_t>(64, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

void* system_allocate(Device device, std::size_t bytes) {
  if (device == Device::cuda) {
#if STILLPOINT_CUDA
    return kernels::allocate_cuda(bytes);
#else
    return nullptr;
#endif
  }
  const std::size_t alignment = bytes >= 2 * huge_page ? huge_page : 64;
  void* data = nullptr;
  if (::posix_memalign(&data, alignment, bytes) != 0) return nullptr;
  if (!kernels::leaves_room_for_libraries()) {
    std::free(data);
    return nullptr;
  }
  if (alignment == huge_page) ::madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}

void system_free(Device device, void* data) {
#if STILLPOINT_CUDA
  if (device == Device::cuda) return kernels::free_cuda(data);
#endif
  (void)device;
  std::free(data);
}

}  // namespace

// Free blocks by size class.
struct MemoryArena::Blocks {
  std::map<std::size_t, std::vector<void*>> cached;
  std::size_t handed_out = 0;
  bool closed = false;  // the arena has ended: blocks that come back go to the pool
};

namespace {

using Blocks = MemoryArena::Blocks;

thread_local Blocks* arena_in_use[2] = {};  // per device

std::size_t system_free_bytes(Device device) {
#if STILLPOINT_CUDA
  if (device == Device::cuda) return kernels::cuda_memory_info().first;
#endif
  (void)device;
  return kernels::free_host_memory();
}

class Pool {
 public:
  explicit Pool(Device device) : device_(device) {}

  void* allocate(std::size_t bytes, Blocks*& arena) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    arena = arena_in_use[int(device_)];
    void* data = take_cached(arena != nullptr ? *arena : own_, size);
    if (data == nullptr && arena != nullptr) data = take_cached(own_, size);
    if (data == nullptr) data = take_new(size);
    if (arena != nullptr) ++arena->handed_out;
    tell_extent(data, bytes);
    stats_.in_use += size;
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    return data;
  }

  void free(void* data, std::size_t bytes, Blocks* arena) noexcept {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    stats_.in_use -= size;
    tell_extent(data, 0);
    const bool to_arena = arena != nullptr && !arena->closed;
    if (arena != nullptr && --arena->handed_out == 0 && arena->closed) delete arena;
    if (to_arena) return arena->cached[size].push_back(data);
    if (caching) return own_.cached[size].push_back(data);
    system_free(device_, data);
    stats_.reserved -= size;
  }

  void close(Blocks* arena) {
    const std::lock_guard lock(mutex_);
    for (auto& [size, blocks] : arena->cached) {
      auto& own = own_.cached[size];
      own.insert(own.end(), blocks.begin(), blocks.end());
    }
    arena->cached.clear();
    arena->closed = true;
    if (arena->handed_out == 0) delete arena;
    if (!caching) release_locked();
  }

  void release() {
    const std::lock_guard lock(mutex_);
    release_locked();
  }

  MemoryStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  void reset_peak() {
    const std::lock_guard lock(mutex_);
    stats_.peak = stats_.in_use;
  }

 private:
  // The emulator checks accesses against what a Buffer asked for, not against its block.
  void tell_extent([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes) {
#if STILLPOINT_SIMT
    if (device_ == Device::cuda) kernels::hand_out_cuda(data, bytes);
#endif
  }

  void* take_cached(Blocks& from, std::size_t size) {
    const auto found = from.cached.find(size);
    if (found == from.cached.end() || found->second.empty()) return nullptr;
    void* data = found->second.back();
    found->second.pop_back();
    return data;
  }

  // The system grants more memory than there is, so the pool asks how much is left for every 64 MiB.
  bool is_there(std::size_t size) {
    constexpr std::size_t unasked = std::size_t(64) << 20;
    const std::size_t recent = recent_ + size;
    if (device_ == Device::cpu && recent > unasked && recent > system_free_bytes(device_)) return false;
    recent_ = recent > unasked ? 0 : recent;
    return true;
  }

  void* take_new(std::size_t size) {
    void* data = is_there(size) ? system_allocate(device_, size) : nullptr;
    if (data == nullptr) {
      release_locked();
      data = is_there(size) ? system_allocate(device_, size) : nullptr;
    }
    if (data == nullptr)
      throw OutOfMemory(text("memory: asked for ", size, " bytes on ", name_of(device_),
                             ", expected as much to be free of ", system_free_bytes(device_),
                             "; the pool holds ", stats_.in_use, " bytes in use of ", stats_.reserved,
                             " reserved; use a smaller batch or model, or raise a limit (ulimit -v)"));
    stats_.reserved += size;
    ++stats_.system_allocations;
    return data;
  }

  void release_locked() {
    for (auto& [size, blocks] : own_.cached) {
      for (void* data : blocks) system_free(device_, data);
      stats_.reserved -= size * blocks.size();
      blocks.clear();
    }
  }

  Device device_;
  std::mutex mutex_;
  Blocks own_;
  MemoryStats stats_;
  std::size_t recent_ = 0;  // taken since is_there() last asked the system
};

// Never destroyed: tensors with static storage may outlive any order of destruction.
Pool& pool(Device device) {
  static Pool* const cpu = new Pool(Device::cpu);
  static Pool* const cuda = new Pool(Device::cuda);
  return device == Device::cuda ? *cuda : *cpu;
}

}  // namespace

const char* name_of(Device device) { return device == Device::cuda ? "cuda" : "cpu"; }

MemoryStats memory_stats(Device device) { return pool(device).stats(); }
void reset_peak_memory(Device device) { pool(device).reset_peak(); }
std::size_t available_memory(Device device) {
  const MemoryStats stats = memory_stats(device);
  return system_free_bytes(device) + stats.reserved - stats.in_use;
}
void release_cached_memory(Device device) { pool(device).release(); }

MemoryArena::MemoryArena(Device device) : device_(device), blocks_(new Blocks) {}
MemoryArena::~MemoryArena() { pool(device_).close(blocks_); }

MemoryArena::Use::Use(MemoryArena& arena) : device_(arena.device_) {
  require(arena_in_use[int(device_)] == nullptr,
          "memory: given an arena inside another, expected one at a time, ", "end the first use");
  arena_in_use[int(device_)] = arena.blocks_;
}
MemoryArena::Use::~Use() { arena_in_use[int(device_)] = nullptr; }

Buffer::Buffer(Device device, std::size_t bytes) : bytes_(bytes), device_(device) {
  if (bytes > 0) data_ = pool(device).allocate(bytes, arena_);
}

Buffer::~Buffer() {
  if (data_ != nullptr) pool(device_).free(data_, bytes_, arena_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      device_(other.device_),
      arena_(other.arena_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(device_, other.device_);
  std::swap(arena_, other.arena_);
  return *this;
}

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (bytes == 0) return;
#if STILLPOINT_CUDA
  if (to_device == Device::cuda || from_device == Device::cuda)
    return kernels::copy_cuda(to, to_device, from, from_device, bytes);
#endif
  require(to_device == Device::cpu && from_device == Device::cpu,
          "copy: given a cuda tensor, expected a cpu tensor, build with CUDA to use --device cuda");
  std::memcpy(to, from, bytes);
}

void zero_bytes(void* to, Device device, std::size_t bytes) {
  if (bytes == 0) return;
#if STILLPOINT_CUDA
  if (device == Device::cuda) return kernels::zero_cuda(to, bytes);
#endif
  (void)device;
  std::memset(to, 0, bytes);
}

std::vector<Device> available_devices() {
#if STILLPOINT_CUDA
  if (kernels::cuda_available()) return {Device::cpu, Device::cuda};
#endif
  return {Device::cpu};
}

}  // namespace stillpoint
