// What simt++ writes in place of CUDA's own syntax: launches by <<<>>> and dynamic shared memory.
#pragma once
#include <cuda_runtime.h>

// simt++ replaces these itself, behind the preprocessor; the other qualifiers mean something to g++.
#ifdef SIMT_REWRITTEN
#undef __global__
#define __global__ __global__
#undef __host__
#define __host__ __host__
#undef __shared__
#define __shared__ __shared__
#endif

namespace simt {

// Keeps the configuration of the launch `kernel<<<grid, block, shared, stream>>>(...)` for the call that
// follows.
void configure(dim3 grid, dim3 block, std::size_t shared = 0, cudaStream_t stream = nullptr);

// Returns whether a device thread calls, for functions of both sides that ask for __CUDA_ARCH__.
bool on_device();

// Is called by each kernel first. Returns null in a device thread; on the host it returns the place of the
// call.
const void* called_from_host();

// Takes the configuration that was kept last, and returns the kernel whose code holds the place.
const void* begin_launch(const void* place, cudaLaunchConfig_t* config);

// Launches the kernel whose code holds `place` with its own parameters.
template <class... Params>
void launch_from(const void* place, const std::type_identity_t<std::remove_cv_t<Params>>&... values) {
  cudaLaunchConfig_t config = {};
  const void* kernel = begin_launch(place, &config);
  cudaLaunchKernelEx(
      &config, reinterpret_cast<void (*)(std::remove_cv_t<Params>...)>(const_cast<void*>(kernel)), values...);
}

// Returns the dynamic shared memory of the caller's block as an array.
template <class Array>
Array& dynamic_shared() {
  return *static_cast<Array*>(dynamic_shared_memory());
}

// Makes a Violation end the program with a report and an exit code, instead of throwing it.
bool end_at_violation(bool on);
#ifdef SIMT_REWRITTEN
inline const bool ends_at_violation = end_at_violation(true);
#endif

}  // namespace simt
