// How a loop becomes threads, once for the project: `each` over elements, `each_row` with a team per row.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/device/array.h"
#include "kernels/host/pool.h"
#include "kernels/host/threads.h"
#include "kernels/launch/scalar.h"
#if STILLPOINT_CUDA
#include "kernels/device/cuda.h"
#endif

namespace stillpoint::kernels {

// A team shares one row. On a CPU it is one thread with vectorised loops.
struct SerialTeam {
  template <class F>
  STILLPOINT_HD void each(Index n, F f) const {
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) f(i);
  }
  template <class T, class F>
  STILLPOINT_HD T sum(Index n, F f) const {
    T lanes[8] = {};
    Index i = 0;
    for (; i + 8 <= n; i += 8)
#pragma omp simd  // without it g++ 12 drops terms of float64 if f reads under a condition
      for (Index j = 0; j < 8; ++j) lanes[j] += f(i + j);
    for (; i < n; ++i) lanes[i % 8] += f(i);
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  }
  // Returns the largest f(i); n > 0.
  template <class T, class F>
  STILLPOINT_HD T max(Index n, F f) const {
    T best = f(0);
    for (Index i = 1; i < n; ++i) best = maximum<T>(best, f(i));
    return best;
  }
  STILLPOINT_HD bool leader() const { return true; }
};

#if STILLPOINT_CUDA

// Unrolls the loop that follows n times.
#define STILLPOINT_PRAGMA(text) _Pragma(#text)
#if defined(__CUDACC__)
#define STILLPOINT_UNROLL(n) STILLPOINT_PRAGMA(unroll n)
#else
#define STILLPOINT_UNROLL(n) STILLPOINT_PRAGMA(GCC unroll n)
#endif

// On a GPU a team is one warp: rows of up to a few thousand elements need no block-wide barrier.
struct WarpTeam {
  int lane;
  template <class F>
  __device__ void each(Index n, F f) const {
    for (Index i = lane; i < n; i += 32) f(i);
  }
  template <class T, class F>
  __device__ T sum(Index n, F f) const {
    T total = T(0);
    if constexpr (sizeof(T) == 4) {
      for (Index i = lane; i < n; i += 32) total += f(i);
    } else {  // unrolled, a float64 softmax spills registers on sm_120, and max on sm_100
      STILLPOINT_UNROLL(1)
      for (Index i = lane; i < n; i += 32) total += f(i);
    }
    for (int step = 16; step > 0; step /= 2) total += __shfl_xor_sync(0xffffffffu, total, step);
    return total;
  }
  template <class T, class F>
  __device__ T max(Index n, F f) const {
    T best = f(lane < n ? lane : Index(0));
    if constexpr (sizeof(T) == 4) {
      for (Index i = lane + 32; i < n; i += 32) best = maximum<T>(best, f(i));
    } else {  // as in sum
      STILLPOINT_UNROLL(1)
      for (Index i = lane + 32; i < n; i += 32) best = maximum<T>(best, f(i));
    }
    for (int step = 16; step > 0; step /= 2)
      best = maximum<T>(best, __shfl_xor_sync(0xffffffffu, best, step));
    return best;
  }
  __device__ bool leader() const { return lane == 0; }
};

// Four blocks leave 64 registers a thread, of which most bodies need half; without a request the compiler
// spills some for more occupancy. As a grid constant a body stays in constant memory; otherwise a body that
// indexes its own arrays is copied to every thread's stack.
template <class Body>
__global__ void __launch_bounds__(256, 4) each_element(Index n, const __grid_constant__ Body body) {
  const Index stride = Index(gridDim.x) * blockDim.x;
  for (Index i = Index(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += stride) body(i);
}

template <class Body>
__device__ void for_own_rows(Index rows, const WarpTeam& team, const Body& body) {
  const Index stride = Index(gridDim.x) * (blockDim.x / 32);
  for (Index r = Index(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; r < rows; r += stride)
    body(r, team);
}

template <class Body>
__global__ void __launch_bounds__(256, 4) each_warp_row(Index rows, const __grid_constant__ Body body) {
  for_own_rows(rows, WarpTeam{int(threadIdx.x % 32)}, body);
}

// Does `last` once all rows are done, in the block that ends last: a fence before its ticket shows it what
// the other blocks wrote.
template <class Body, class Last>
__global__ void __launch_bounds__(256, 4)
    each_warp_row_then(Index rows, const __grid_constant__ Body body, const __grid_constant__ Last last,
                       unsigned* ticket) {
  const WarpTeam team{int(threadIdx.x % 32)};
  for_own_rows(rows, team, body);
  __threadfence();
  __syncthreads();
  const bool ends = threadIdx.x == 0 && atomicAdd(ticket, 1u) == gridDim.x - 1;
  if (__syncthreads_or(ends) == 0) return;
  __threadfence();
  if (threadIdx.x < 32) last(0, team);
  if (threadIdx.x == 0) *ticket = 0;
}

struct LaunchShape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
};

// The one place where a kernel starts. An error of the launch names the kernel. An error of its execution
// names it only with STILLPOINT_SYNC=1; otherwise a later call reports it.
template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), const LaunchShape& shape, Args&&... args) {
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = cuda::queue().stream;
  constexpr std::size_t granted = 48 * 1024;  // of static and dynamic shared memory; more must be asked for
  if (shape.shared_bytes >= granted)
    cuda::check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shape.shared_bytes)),
        name, __FILE__, __LINE__);
  cuda::check(cudaLaunchKernelEx(&config, kernel, Params(args)...), name, __FILE__, __LINE__);
  cuda::finish_where_asked(name, __FILE__, __LINE__);
}

// Returns the block's dynamic shared memory; tensor cores load from multiples of 32 bytes.
template <class T>
__device__ T* dynamic_shared() {
#if STILLPOINT_SIMT
  return static_cast<T*>(simt::dynamic_shared_memory());
#else
  extern __shared__ __align__(32) unsigned char stillpoint_dynamic_shared[];
  return reinterpret_cast<T*>(stillpoint_dynamic_shared);
#endif
}

inline unsigned grid_for(Index work, Index per_block) {
  const Index blocks = (work + per_block - 1) / per_block;
  return unsigned(std::clamp<Index>(blocks, 1, Index(cuda::queue().multiprocessors) * 32));
}

#endif  // STILLPOINT_CUDA

// Calls body(i) for i in [0, n), in any order.
template <class Body>
void each([[maybe_unused]] Device device, Index n, Body body) {
  if (n == 0) return;
#if STILLPOINT_CUDA
  if (device == Device::cuda)
    return launch("each_element", each_element<Body>, {dim3(grid_for(n, 256)), dim3(256)}, n, body);
#endif
  if (n < serial_below) {
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) body(i);
    return;
  }
  parallel_ranges(n, piece_elements, true, [&](Index begin, Index end) {
#pragma omp simd
    for (Index i = begin; i < end; ++i) body(i);
  });
}

// Calls body(row, team) for row in [0, rows) on the CPU; `row_cost` is the elements a row touches.
template <class Body>
void each_row_cpu(Index rows, Index row_cost, const Body& body) {
  parallel_ranges(rows, piece_elements / std::max<Index>(row_cost, 1),
                  rows > 1 && rows * row_cost >= serial_below, [&](Index begin, Index end) {
                    for (Index r = begin; r < end; ++r) body(r, SerialTeam{});
                  });
}

// Does the same on either device.
template <class Body>
void each_row([[maybe_unused]] Device device, Index rows, Index row_cost, Body body) {
  if (rows == 0) return;
#if STILLPOINT_CUDA
  if (device == Device::cuda)
    return launch("each_warp_row", each_warp_row<Body>, {dim3(grid_for(rows, 8)), dim3(256)}, rows, body);
#endif
  each_row_cpu(rows, row_cost, body);
}

// Calls body(row, team) for row in [0, rows), and last(0, team) when all have returned: one launch on a GPU.
template <class Body, class Last>
void each_row_then([[maybe_unused]] Device device, Index rows, Index row_cost, Body body, Last last) {
#if STILLPOINT_CUDA
  if (device == Device::cuda)
    return launch("each_warp_row_then", each_warp_row_then<Body, Last>, {dim3(grid_for(rows, 8)), dim3(256)},
                  rows, body, last, cuda::queue().ticket);
#endif
  each_row_cpu(rows, row_cost, body);
  last(0, SerialTeam{});
}

}  // namespace stillpoint::kernels
