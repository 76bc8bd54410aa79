// Bodies of the embedding pair.
#include "kernels/embedding/embedding.h"

#include <algorithm>
#include <limits>

#include "kernels/launch/launch.h"
#if STILLPOINT_CUB
#include "kernels/embedding/embedding_cub.h"
#endif

namespace stillpoint::kernels {
namespace {

template <class T>
struct Embedding {
  const T* table;
  const std::int32_t* ids;
  T* y;
  Index entries, width;  // of the table
  STILLPOINT_HD void operator()(Index i) const {
    const Index row = i / width, first = ids[row] * width;
    y[i] = first >= 0 && first < entries ? table[first + (i - row * width)]
                                         : std::numeric_limits<T>::quiet_NaN();
  }
};
template <class T>
struct EmbeddingAdjoint {
  const T* y;
  const std::int32_t* ids;
  T* table;
  Index width, n;
  STILLPOINT_HD void operator()(Index i) const {
    const Index v = i / width, column = i - v * width;
    T total = T(0);
    for (Index k = 0; k < n; ++k)
      if (ids[k] == v) total += y[k * width + column];
    table[i] = total;
  }
};

// Adds each row of y to its row of the table in the order of positions, on a CPU. A thread has all terms of
// its columns.
template <class T>
void add_rows(const EmbeddingAdjoint<T>& a, Index elements) {
  parallel_ranges(a.width, Index(64 / sizeof(T)), a.n * a.width >= serial_below, [&](Index begin, Index end) {
    for (Index row = 0; row < elements; row += a.width)
      std::fill(a.table + row + begin, a.table + row + end, T(0));
    for (Index k = 0; k < a.n; ++k) {
      const Index row = a.ids[k] * a.width;
      if (row < 0 || row >= elements) continue;
#pragma GCC ivdep
      for (Index column = begin; column < end; ++column) a.table[row + column] += a.y[k * a.width + column];
    }
  });
}

}  // namespace

void embedding(Index width, const Array& table, const Array& ids, const Array& y) {
  dispatch_real(y.dtype, "embedding", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, Embedding<T>{table.as<T>(), ids.as<std::int32_t>(), y.as<T>(), table.size, width});
  });
}

void embedding_adjoint(Index width, const Array& y, const Array& ids, const Array& table) {
#if STILLPOINT_CUB
  // One launch in which every thread looks through the ids is quicker than a sort of few.
  constexpr Index looks_of_thread = 1024, looks = Index(1) << 28;
  if (table.device == Device::cuda && table.size > 0 &&
      (ids.size > looks_of_thread || ids.size * table.size > looks))
    return embedding_adjoint_by_cub(width, y, ids, table);
#endif
  dispatch_real(y.dtype, "embedding_adjoint", [&](auto zero) {
    using T = decltype(zero);
    const EmbeddingAdjoint<T> body{y.as<T>(), ids.as<std::int32_t>(), table.as<T>(), width, ids.size};
    if (table.device == Device::cpu) return add_rows(body, table.size);
    each(table.device, table.size, body);
  });
}

}  // namespace stillpoint::kernels
