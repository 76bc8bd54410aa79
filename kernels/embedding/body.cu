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
  Index vocabulary, width, n;
  STILLPOINT_HD void operator()(Index i) const {
    const Index row = i / width, id = ids[row];
    const Index first = (row / n * vocabulary + id) * width;
    y[i] =
        id >= 0 && id < vocabulary ? table[first + (i - row * width)] : std::numeric_limits<T>::quiet_NaN();
  }
};
template <class T>
struct EmbeddingAdjoint {
  const T* y;
  const std::int32_t* ids;
  T* table;
  Index vocabulary, width, n;
  STILLPOINT_HD void operator()(Index i) const {
    const Index row = i / width, column = i - row * width;
    const Index t = row / vocabulary, v = row - t * vocabulary;
    T total = T(0);
    for (Index k = t * n; k < (t + 1) * n; ++k)
      if (ids[k] == v) total += y[k * width + column];
    table[i] = total;
  }
};

// Adds each row of y to its row of its table in the order of positions, on a CPU. A thread has all terms of
// its columns, or of its tables if there are several.
template <class T>
void add_rows(const EmbeddingAdjoint<T>& a, Index tables) {
  const auto add = [&](Index t, Index begin, Index end) {
    T* const table = a.table + t * a.vocabulary * a.width;
    for (Index v = 0; v < a.vocabulary; ++v)
      std::fill(table + v * a.width + begin, table + v * a.width + end, T(0));
    for (Index k = t * a.n; k < (t + 1) * a.n; ++k) {
      if (a.ids[k] < 0 || a.ids[k] >= a.vocabulary) continue;
      T* const row = table + a.ids[k] * a.width;
#pragma GCC ivdep
      for (Index column = begin; column < end; ++column) row[column] += a.y[k * a.width + column];
    }
  };
  const bool worthwhile = tables * a.n * a.width >= serial_below;
  if (tables == 1)
    return parallel_ranges(a.width, Index(64 / sizeof(T)), worthwhile,
                           [&](Index begin, Index end) { add(0, begin, end); });
  parallel_ranges(tables, 1, worthwhile, [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) add(t, 0, a.width);
  });
}

}  // namespace

void embedding(Index width, const Array& table, const Array& ids, const Array& y, Index tables) {
  if (y.size == 0) return;
  dispatch_real(y.dtype, "embedding", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size,
         Embedding<T>{table.as<T>(), ids.as<std::int32_t>(), y.as<T>(), table.size / (tables * width), width,
                      ids.size / tables});
  });
}

void embedding_adjoint(Index width, const Array& y, const Array& ids, const Array& table, Index tables) {
  if (table.size == 0) return;
#if STILLPOINT_CUB
  // One launch in which every thread looks through the ids is quicker than a sort of few.
  constexpr Index looks_of_thread = 1024, looks = Index(1) << 28;
  if (table.device == Device::cuda && tables == 1 &&
      (ids.size > looks_of_thread || ids.size * table.size > looks))
    return embedding_adjoint_by_cub(width, y, ids, table);
#endif
  dispatch_real(y.dtype, "embedding_adjoint", [&](auto zero) {
    using T = decltype(zero);
    const EmbeddingAdjoint<T> body{y.as<T>(),     ids.as<std::int32_t>(),
                                   table.as<T>(), table.size / (tables * width),
                                   width,         ids.size / tables};
    if (table.device == Device::cpu) return add_rows(body, tables);
    each(table.device, table.size, body);
  });
}

}  // namespace stillpoint::kernels
