// Device memory: one RAII buffer over one caching pool per device.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/device/error.h"

namespace stillpoint {

enum class Device { cpu, cuda };
const char* name_of(Device device);

// Thrown if no block of the requested size is left; the message holds the pool's state.
class OutOfMemory : public MachineError {
 public:
  using MachineError::MachineError;
};

// The contents of a pool, in bytes.
struct MemoryStats {
  std::size_t in_use = 0;                // handed out now
  std::size_t peak = 0;                  // largest in_use since the last reset_peak
  std::size_t reserved = 0;              // taken from the system, in use or cached
  std::uint64_t system_allocations = 0;  // calls to the system's allocator so far
};
MemoryStats memory_stats(Device device);
void reset_peak_memory(Device device);
// Returns the bytes that new buffers can take: the device's free ones and the pool's cached ones.
std::size_t available_memory(Device device);
// Gives cached blocks back to the system.
void release_cached_memory(Device device);

// A separate memory for recorded device work (kernels/device/work_graph.h). A block taken while an arena is
// in use on this thread is reused only in the arena, so that a replay finds its scratch where it was.
class MemoryArena {
 public:
  explicit MemoryArena(Device device);
  ~MemoryArena();  // its free blocks go to the device's pool, the others follow when their buffers end
  MemoryArena(const MemoryArena&) = delete;
  MemoryArena& operator=(const MemoryArena&) = delete;

  struct Blocks;
  // This thread takes from the arena while this object lives; arenas of one device do not nest.
  class Use {
   public:
    explicit Use(MemoryArena& arena);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Device device_;
  };

 private:
  Device device_;
  Blocks* blocks_;
};

// Owns `bytes` of uninitialised memory on a device, 64-byte aligned. The memory of a freed buffer goes to the
// next buffer of its size class at once; on CUDA that is safe because all work of a device is on one stream.
// Throws OutOfMemory.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device device, std::size_t bytes);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device device_ = Device::cpu;
  MemoryArena::Blocks* arena_ = nullptr;  // where the memory goes back to; null: the device's own pool
};

// Copies between any two devices. Returns when `to` may be read by work queued afterwards and, if the host is
// at one end, when the host's memory may be reused.
void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
void zero_bytes(void* to, Device device, std::size_t bytes);

// Returns the CPU, and CUDA if this build and machine have it.
std::vector<Device> available_devices();

}  // namespace stillpoint
