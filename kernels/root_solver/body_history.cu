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

// Takes four rows at a time, so that y is read and written a quarter as often.
template <class T>
struct HistoryCombination {
  const T *rows, *c, *x;
  T* y;
  Index count, capacity, width, chunks, stride_y;
  T alpha, beta;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index j = r % chunks, b = r / chunks, n = minimum<Index>(chunk, width - j * chunk);
    const T* const a = rows + b * capacity * width + j * chunk;
    const T* const from = x + b * width + j * chunk;
    const T* const weight = c + b * count;
    T* const to = y + b * stride_y + j * chunk;
    const T scale = alpha, factor = beta;
    const Index stride = width;
    team.each(n, [=](Index i) { to[i] = scale * from[i]; });
    Index k = 0;
    for (; k + 4 <= count; k += 4) {
      const T w0 = factor * weight[k], w1 = factor * weight[k + 1], w2 = factor * weight[k + 2],
              w3 = factor * weight[k + 3];
      const T* const row = a + k * stride;
      team.each(n, [=](Index i) {
        to[i] += (w0 * row[i] + w1 * row[stride + i]) + (w2 * row[2 * stride + i] + w3 * row[3 * stride + i]);
      });
    }
    for (; k < count; ++k) {
      const T w0 = factor * weight[k];
      const T* const row = a + k * stride;
      team.each(n, [=](Index i) { to[i] += w0 * row[i]; });
    }
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
    const Index chunks = maximum<Index>(1, (h.width + chunk - 1) / chunk), rows = h.samples * h.count;
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
    const Index chunks = (h.width + chunk - 1) / chunk;
    each_row(x.device, h.samples * chunks, minimum(chunk, h.width) * (h.count + 1),
             HistoryCombination<T>{h.rows.as<T>(), c.as<T>(), x.as<T>(), y.as<T>(), h.count, h.capacity,
                                   h.width, chunks, options.stride == 0 ? h.width : options.stride,
                                   T(options.alpha), T(options.beta)});
  });
}

}  // namespace stillpoint::kernels
