// Qualifiers of functions and variables.
#pragma once

#define __global__
#define __host__
#define __grid_constant__
#define CUDARTAPI
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__  // libstdc++ writes the word inside of its own attributes
#define __align__(n) __attribute__((aligned(n)))
// Blocks run one at a time on an OS thread, so one instance per OS thread is one instance per block. Where
// accesses are checked, nothing may touch the red zone that keeps the variable away from the others.
#ifdef SIMT_WATCHED
#define SIMT_JOINED(a, b) a##b
#define SIMT_RED_ZONE(number) \
  static thread_local __attribute__((used)) char SIMT_JOINED(simt_red_zone_, number)[4096]
#define __shared__            \
  SIMT_RED_ZONE(__COUNTER__); \
  static thread_local
#else
#define __shared__ static thread_local
#endif

#if defined(__GNUC__) && !defined(__clang__)
// Variables with these attributes get sections of their own, by which the emulator knows them; one of the two
// fits, and functions have neither.
#pragma GCC diagnostic ignored "-Wattributes"
#define __device__ __attribute__((noinit, persistent))
#define __constant__ __attribute__((noinit, persistent))
#define __managed__ __attribute__((abi_tag("managed")))
// Asks for `threads` instructions that do nothing, before the function. They never run; their number tells
// the emulator the bound.
#define __launch_bounds__(...) \
  __attribute__((              \
      patchable_function_entry(simt::launch_threads(__VA_ARGS__), simt::launch_threads(__VA_ARGS__))))
namespace simt {
constexpr int launch_threads(long threads, long = 0, long = 0) { return int(threads); }
}  // namespace simt
#else
#define __device__
#define __constant__
#define __managed__
#define __launch_bounds__(...)
#endif

// Puts the blocks of a cluster, which have to be written as numbers, into the kernel's symbol.
#define __cluster_dims__(...) SIMT_CLUSTER(__VA_ARGS__, 1, 1, 1)
#define SIMT_CLUSTER(x, y, z, ...) __attribute__((abi_tag("simt_cluster_" #x "_" #y "_" #z)))

#ifdef __CUDACC__
// Nothing is an extended lambda here: lambdas for the device are ordinary ones.
#define __nv_is_extended_device_lambda_closure_type(type) false
#define __nv_is_extended_host_device_lambda_closure_type(type) false
#define __nv_is_extended_device_lambda_with_preserved_return_type(type) false
#endif
