// Device memory straight from the CUDA runtime, for the pool behind Buffer; and what the device is.
#pragma once
#include <cstddef>
#include <string>
#include <utility>

#include "kernels/device/memory.h"

namespace stillpoint::kernels {

// From the device's stream-ordered pool; 256-byte aligned; null where the device has no such block left.
void* allocate_cuda(std::size_t bytes);
// Behind the work queued so far.
void free_cuda(void* data);

#if STILLPOINT_SIMT
// Tells the emulator that from now on the block holds `bytes` bytes, none of them written.
void hand_out_cuda(void* data, std::size_t bytes);
#endif

// Contracts of copy_bytes and zero_bytes, with CUDA at one end at least.
void copy_cuda(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
void zero_cuda(void* to, std::size_t bytes);

// Bytes of device memory that are free, and all that there are.
std::pair<std::size_t, std::size_t> cuda_memory_info();

// Whether the engine can run on this machine's GPU; where not, `why_not` (if given) says why and what to do.
bool cuda_available(std::string* why_not = nullptr);
// One line: the GPU's name, compute capability, multiprocessors, memory, and the versions of driver and
// runtime.
std::string cuda_summary();

}  // namespace stillpoint::kernels
