// Bodies of the products with a solver's history.
#include "kernels/root_solver/history.h"

#include "kernels/launch/launch.h"
#include "kernels/root_solver/solver_chunk.h"

namespace stillpoint::kernels {
namespace {

constexpr Index chunk = solver_chunk;

// sums[b,k,j] is the j-th chunk of the product of row k.
template <class T>
struct HistoryProduct {
  const T *rows, *x;
  T* sums;
  Index count, capacity, width, chunks;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index k = r % count, j = r / count % chunks, b = r / count / chunks;  // a thread keeps its columns
    const T* const a = rows + (b * capacity + k) * width + j * chunk;
    const T* const v = x + b * width + j * chunk;
    const T total =
        team.template sum<T>(minimum<Index>(chunk, width - j * chunk), [=](Index i) { return a[i] * v[i]; });
    if (team.leader()) sums[(b * count + k) * chunks + j] = total;
  }
};

template <class T>
struct SumOfChunks {
  const T* sums;
  T* y;
  Index chunks;
  STILLPOINT_HD void operator()(Index i) const {
    T total = T(0);
    for (Index j = 0; j < chunks; ++j) total += sums[i * chunks + j];
    y[i] = total;
  }
};

template <class T, int tile>
struct HistoryCombination {
  const T *rows, *c, *x;
  T* y;
  Index count, capacity, width, tiles, stride_y;
  T alpha, beta;
  STILLPOINT_HD void operator()(Index r) const {
    const Index b = r / tiles, begin = r % tiles * tile, n = size_of_tile<tile>(width - begin);
    const T* const from = x + b * width + begin;
    T* const to = y + b * stride_y + begin;
    T sum[tile];
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) sum[i] = alpha * from[i];
    add_rows(sum, n, rows + b * capacity * width + begin, width, c + b * count, count, beta);
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) to[i] = sum[i];
  }
};

}  // namespace

History row_of(const History& h, Index k) {
  History row = h;
  row.rows.data = static_cast<char*>(h.rows.data) + k * h.width * size_of(h.rows.dtype);
  row.rows.size -= k * h.width;
  row.count = 1;
  return row;
}

void history_products(const History& h, const Array& x, const Array& y) {
  dispatch_real(x.dtype, "history_products", [&](auto zero) {
    using T = decltype(zero);
    const Index chunks = chunks_of(h.width), rows = h.samples * h.count;
    const Buffer partial(x.device, std::size_t(rows * chunks) * sizeof(T));
    T* const sums = static_cast<T*>(partial.data());
    each_row(x.device, rows * chunks, minimum(chunk, h.width),
             HistoryProduct<T>{h.rows.as<T>(), x.as<T>(), sums, h.count, h.capacity, h.width, chunks});
    each(x.device, rows, SumOfChunks<T>{sums, y.as<T>(), chunks});
  });
}

void history_sum(const History& h, const Array& c, const Array& x, const Array& y, HistorySum options) {
  dispatch_real(x.dtype, "history_sum", [&](auto zero) {
    using T = decltype(zero);
    each_tile(x.device, h.samples, h.width, h.count + 1, [&](auto tile) {
      return HistoryCombination<T, tile>{h.rows.as<T>(),
                                         c.as<T>(),
                                         x.as<T>(),
                                         y.as<T>(),
                                         h.count,
                                         h.capacity,
                                         h.width,
                                         chunks_of(h.width, tile),
                                         options.stride == 0 ? h.width : options.stride,
                                         T(options.alpha),
                                         T(options.beta)};
    });
  });
}

}  // namespace stillpoint::kernels
