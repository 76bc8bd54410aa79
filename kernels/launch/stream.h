// Loops that store what they compute. A compiler keeps the loads of an element behind the stores of the one
// before it, as the pointers may be to the same memory; these loops compute several values before they store
// any, so that a GPU has the loads of all of them in flight.
#pragma once
#include "kernels/launch/launch.h"

namespace stillpoint::kernels {

#if STILLPOINT_CUDA

inline constexpr int in_flight = 4;

template <class Body>
__global__ void __launch_bounds__(256, 4) each_value(Index n, const __grid_constant__ Body body) {
  const Index stride = Index(gridDim.x) * blockDim.x;
  for (Index i = Index(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += in_flight * stride) {
    decltype(body.value(i)) values[in_flight] = {};
    STILLPOINT_UNROLL(4)
    for (int k = 0; k < in_flight; ++k)
      if (i + k * stride < n) values[k] = body.value(i + k * stride);
    STILLPOINT_UNROLL(4)
    for (int k = 0; k < in_flight; ++k)
      if (i + k * stride < n) body.y[i + k * stride] = values[k];
  }
}

template <class T, class F>
__device__ void assign(WarpTeam team, Index n, T* y, F value) {
  for (Index i = team.lane; i < n; i += in_flight * 32) {
    T values[in_flight] = {};
    STILLPOINT_UNROLL(4)
    for (int k = 0; k < in_flight; ++k)
      if (i + k * 32 < n) values[k] = value(i + k * 32);
    STILLPOINT_UNROLL(4)
    for (int k = 0; k < in_flight; ++k)
      if (i + k * 32 < n) y[i + k * 32] = values[k];
  }
}

#endif  // STILLPOINT_CUDA

// y[i] = value(i) for i < n by a team; value(i) may read y[i], but no other element of y.
template <class T, class F>
STILLPOINT_HD void assign(SerialTeam team, Index n, T* y, F value) {
  team.each(n, [=](Index i) { y[i] = value(i); });
}

// body.y[i] = body.value(i) for i < n in any order, under the same condition.
template <class Body>
void assign_each([[maybe_unused]] Device device, Index n, const Body& body) {
#if STILLPOINT_CUDA
  if (n > 0 && device == Device::cuda)
    return launch("each_value", each_value<Body>, {dim3(grid_for(n, 256)), dim3(256)}, n, body);
#endif
  parallel_ranges(n, piece_elements, n >= serial_below, [&](Index begin, Index end) {
    SerialTeam().each(end - begin, [=](Index i) { body.y[begin + i] = body.value(begin + i); });
  });
}

}  // namespace stillpoint::kernels
