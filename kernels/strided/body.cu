// Bodies of the strided gathers and sums.
#include "kernels/strided/strided.h"

#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

// std::array's operator[] is not a device function before C++26, so bodies hold plain arrays.
struct DeviceView {
  int rank;
  Index size[max_rank], stride[max_rank], offset;
  STILLPOINT_HD Index at(Index i) const {
    Index place = offset;
    for (int k = rank - 1; k >= 0; --k) {
      const Index next = i / size[k];
      place += (i - next * size[k]) * stride[k];
      i = next;
    }
    return place;
  }
};

DeviceView on_device(const View& view) {
  DeviceView d{view.rank, {}, {}, view.offset};
  for (int k = 0; k < view.rank; ++k) {
    d.size[k] = view.size[std::size_t(k)];
    d.stride[k] = view.stride[std::size_t(k)];
  }
  return d;
}

Index count(const View& view) {
  Index n = 1;
  for (int k = 0; k < view.rank; ++k) n *= view.size[std::size_t(k)];
  return n;
}

template <class T>
struct Gather {
  const T* x;
  T* y;
  DeviceView view;
  STILLPOINT_HD void operator()(Index i) const { y[i] = x[view.at(i)]; }
};
// A row is the innermost axis, so that on the CPU a place's divisions are made once per row.
template <class T>
struct GatherRow {
  const T* x;
  T* y;
  DeviceView rows;
  Index size, stride;
  void operator()(Index r, SerialTeam team) const {
    const T* const from = x + rows.at(r);
    T* const to = y + r * size;
    const Index step = stride;
    team.each(size, [=](Index i) { to[i] = from[i * step]; });
  }
};
template <class T>
struct Scatter {
  const T* x;
  T* y;
  DeviceView view;
  STILLPOINT_HD void operator()(Index i) const { y[view.at(i)] = x[i]; }
};
template <class T>
struct SumStrided {
  const T* x;
  T* y;
  DeviceView outer, inner;
  Index n;
  template <class Team>
  STILLPOINT_HD void operator()(Index i, Team team) const {
    const T* base = x + outer.at(i);
    const T total = team.template sum<T>(n, [base, &view = inner](Index j) { return base[view.at(j)]; });
    if (team.leader()) y[i] = total;
  }
};
// y[r] = scale * sum of the r-th chunk of x.
template <class T>
struct SumChunk {
  const T* x;
  T* y;
  Index n, chunk;
  T scale;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T* base = x + r * chunk;
    const T total =
        team.template sum<T>(minimum<Index>(chunk, n - r * chunk), [=](Index j) { return base[j]; });
    if (team.leader()) y[r] = scale * total;
  }
};

template <class F>
void dispatch_any(DType dtype, F&& f) {
  if (dtype == DType::int32) return f(std::int32_t{});
  dispatch_real(dtype, "strided", f);
}

}  // namespace

void gather(const Array& x, const View& view, const Array& y) {
  dispatch_any(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (y.device == Device::cpu && view.rank > 0 && y.size > 0) {
      DeviceView rows = on_device(view);
      const int inner = --rows.rank;
      const Index size = rows.size[inner];
      return each_row_cpu(y.size / size, size,
                          GatherRow<T>{x.as<T>(), y.as<T>(), rows, size, rows.stride[inner]});
    }
    each(y.device, y.size, Gather<T>{x.as<T>(), y.as<T>(), on_device(view)});
  });
}

void scatter(const Array& x, const View& view, const Array& y) {
  zero_bytes(y.data, y.device, std::size_t(y.size * size_of(y.dtype)));
  place(x, view, y);
}

void place(const Array& x, const View& view, const Array& y) {
  dispatch_any(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    each(y.device, x.size, Scatter<T>{x.as<T>(), y.as<T>(), on_device(view)});
  });
}

void sum_strided(const Array& x, const View& outer, const View& inner, const Array& y) {
  const Index n = count(inner);
  dispatch_real(y.dtype, "sum", [&](auto zero) {
    using T = decltype(zero);
    each_row(y.device, y.size, n, SumStrided<T>{x.as<T>(), y.as<T>(), on_device(outer), on_device(inner), n});
  });
}

void sum(const Array& x, const Array& y, double scale) {
  constexpr Index chunk = 4096;
  dispatch_real(y.dtype, "sum", [&](auto zero) {
    using T = decltype(zero);
    const auto sum_of = [&](const T* from, T* to, Index n, double by) {
      return SumChunk<T>{from, to, n, chunk, T(by)};
    };
    const Index rows = std::max<Index>(1, (x.size + chunk - 1) / chunk);
    if (rows == 1) return each_row(y.device, 1, x.size, sum_of(x.as<T>(), y.as<T>(), x.size, scale));
    const Buffer partial(y.device, std::size_t(rows) * sizeof(T));
    T* const sums = static_cast<T*>(partial.data());
    const auto chunks = sum_of(x.as<T>(), sums, x.size, 1);
    if (rows <= chunk)
      return each_row_then(y.device, rows, chunk, chunks, sum_of(sums, y.as<T>(), rows, scale));
    each_row(y.device, rows, chunk, chunks);
    sum({sums, rows, y.dtype, y.device}, y, scale);
  });
}

}  // namespace stillpoint::kernels
