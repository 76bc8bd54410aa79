// Bodies of the embedding pair.
#include "kernels/embedding/embedding.h"

#include <limits>

#include "kernels/launch/launch.h"

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

}  // namespace

void embedding(Index width, const Array& table, const Array& ids, const Array& y) {
  dispatch_real(y.dtype, "embedding", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, Embedding<T>{table.as<T>(), ids.as<std::int32_t>(), y.as<T>(), table.size, width});
  });
}

void embedding_adjoint(Index width, const Array& y, const Array& ids, const Array& table) {
  dispatch_real(y.dtype, "embedding_adjoint", [&](auto zero) {
    using T = decltype(zero);
    each(table.device, table.size,
         EmbeddingAdjoint<T>{y.as<T>(), ids.as<std::int32_t>(), table.as<T>(), width, ids.size});
  });
}

}  // namespace stillpoint::kernels
