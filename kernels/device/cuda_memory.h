// Device memory straight from the CUDA runtime, for the pool behind Buffer, and a description of the device.
#pragma once
#include <cstddef>
#include <string>
#include <utility>

#include "kernels/device/memory.h"

namespace stillpoint::kernels {

// Takes from the device's stream-ordered pool; 256-byte aligned. Returns null if no such block is left.
void* allocate_cuda(std::size_t bytes);
// Frees the block after the work that is queued so far.
void free_cuda(void* data);

#if STILLPOINT_SIMT
// Tells the emulator that the block now holds `bytes` bytes and that none of them is written.
void hand_out_cuda(void* data, std::size_t bytes);
#endif

// The contracts are those of copy_bytes and zero_bytes, with CUDA at one end at least.
void copy_cuda(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
void zero_cuda(void* to, std::size_t bytes);

// Returns the free bytes of device memory, and all of its bytes.
std::pair<std::size_t, std::size_t> cuda_memory_info();

// Returns whether the engine can run on this machine's GPU; if not, `why_not` (if given) says what to do.
bool cuda_available(std::string* why_not = nullptr);
// Returns one line: the GPU's name, compute capability, multiprocessors, memory, and the versions of driver
// and runtime.
std::string cuda_summary();

}  // namespace stillpoint::kernels
