// The division of a sample's state among threads, and sums of the rows that a solver keeps of such states.
#pragma once
#include <type_traits>

#include "kernels/launch/launch.h"

namespace stillpoint::kernels {

// A team takes this many elements of a sample: few enough that 20,800 of them, the DEQ-Transformer's state,
// keep two threads of a CPU equally busy and give a GPU 21 warps.
inline constexpr Index solver_chunk = 1024;

STILLPOINT_HD constexpr Index chunks_of(Index width, Index chunk = solver_chunk) {
  return (width + chunk - 1) / chunk;
}

// Returns the elements of a tile of which `rest` elements of the state are left.
template <int tile>
STILLPOINT_HD constexpr Index size_of_tile(Index rest) {
  return tile == 1 || rest > tile ? tile : rest;
}

// Calls body(r) for each tile of `states` states: tile r % n of state r / n, n = chunks_of(width, tile). On a
// GPU a tile is one element, so that a thread loads all that it needs before it stores; on a CPU it is a
// chunk. make(tile) returns the body; `cost` is the elements that it touches for each of its own.
template <class Make>
void each_tile([[maybe_unused]] Device device, Index states, Index width, Index cost, const Make& make) {
#if STILLPOINT_CUDA
  if (device == Device::cuda) return each(device, states * width, make(std::integral_constant<int, 1>()));
#endif
  const auto body = make(std::integral_constant<int, int(solver_chunk)>());
  each_row_cpu(states * chunks_of(width), minimum(solver_chunk, width) * cost,
               [&](Index r, const SerialTeam&) { body(r); });
}

// y[i] += factor sum_{k<count} weights[k] rows[k stride + i] for i < n; n is 1 if `tile` is.
template <class T, int tile>
STILLPOINT_HD void add_rows(T (&y)[tile], Index n, const T* rows, Index stride, const T* weights, Index count,
                            T factor) {
  const Index end = tile == 1 ? 1 : n;
  Index k = 0;
  for (; k + 4 <= count; k += 4) {
    const T w0 = factor * weights[k], w1 = factor * weights[k + 1], w2 = factor * weights[k + 2],
            w3 = factor * weights[k + 3];
    const T* const row = rows + k * stride;
#pragma GCC ivdep
    for (Index i = 0; i < end; ++i)
      y[i] += (w0 * row[i] + w1 * row[stride + i]) + (w2 * row[2 * stride + i] + w3 * row[3 * stride + i]);
  }
  for (; k < count; ++k) {
    const T w0 = factor * weights[k];
    const T* const row = rows + k * stride;
#pragma GCC ivdep
    for (Index i = 0; i < end; ++i) y[i] += w0 * row[i];
  }
}

}  // namespace stillpoint::kernels
