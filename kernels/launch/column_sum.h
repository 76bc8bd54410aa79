// Ordered column sums on CUDA, with a choice of where the sums go.
#pragma once
#include "kernels/launch/launch.h"

namespace stillpoint::kernels {

#if STILLPOINT_CUDA

namespace column {
inline constexpr int width = 32, slices = 8;
}

// Calls sink(set, c, sum of x[r,c] over rows r of the set) for x (rows,columns); a set is rows_per_set rows.
// Reading x bounds it: eight slices of a set's rows are read side by side and added in order.
template <class T, class Sink>
__global__ void __launch_bounds__(column::width* column::slices)
    column_sums(const T* x, Index rows, Index columns, Index rows_per_set, Sink sink) {
  using namespace column;
  T* const shared = dynamic_shared<T>();
  const int slice = int(threadIdx.x) / width;
  const Index c = Index(blockIdx.x) * width + threadIdx.x % width;
  const Index first = Index(blockIdx.y) * rows_per_set, count = minimum(rows_per_set, rows - first);
  T sum = T(0);
  if (c < columns) {
    STILLPOINT_UNROLL(8)
    for (Index r = first + count * slice / slices; r < first + count * (slice + 1) / slices; ++r)
      sum += x[r * columns + c];
  }
  shared[threadIdx.x] = sum;
  __syncthreads();
  if (slice > 0 || c >= columns) return;
  for (int s = 1; s < slices; ++s) sum += shared[s * width + threadIdx.x];
  sink(Index(blockIdx.y), c, sum);
}

template <class T, class Sink>
void launch_column_sums(const char* name, const T* x, Index rows, Index columns, Index sets,
                        const Sink& sink) {
  using namespace column;
  const Index rows_per_set = (rows + sets - 1) / sets;
  const LaunchShape shape{dim3(unsigned((columns + width - 1) / width), unsigned(sets)), dim3(width * slices),
                          width * slices * sizeof(T)};
  launch(name, column_sums<T, Sink>, shape, x, rows, columns, rows_per_set, sink);
}

#endif  // STILLPOINT_CUDA

}  // namespace stillpoint::kernels
