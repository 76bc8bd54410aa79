// Bodies of maximum pooling and of the maps between its values and their places.
#include "kernels/max_pool/max_pool.h"

#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

// A team takes row `r % rows` of the windows of a plane.
template <class T>
struct MaxPool2d {
  const T* x;
  T* y;
  std::int32_t* place;
  MaxPoolShape s;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index rows = s.out_height(), columns = s.out_width(), width = s.width, size = s.size;
    const Index row = r % rows * size * width;
    const T* const image = x + r / rows * s.height * width;
    T* const to = y + r * columns;
    std::int32_t* const places = place + r * columns;
    team.each(columns, [=](Index q) {
      std::int32_t best = std::int32_t(row + q * size);  // a place fits, because `place` holds it
      T value = image[best];
      for (std::int32_t a = 0, first = best; a < size; ++a, first += std::int32_t(width))
        for (std::int32_t here = first; here < first + size; ++here) {
          const T v = image[here];
          if (!(v > value) && v == v) continue;
          value = v;
          best = here;
        }
      to[q] = value;
      places[q] = best;
    });
  }
};

// A row is a row of windows, including those that the image's border cuts and that have no value.
template <class T>
struct MaxPoolScatter {
  const T* y;
  const std::int32_t* place;
  T* x;
  MaxPoolShape s;
  Index rows, columns;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index p = r % rows, plane = r / rows, width = s.width, size = s.size;
    const Index deep = minimum(size, s.height - p * size), row = p * size * width;
    const Index whole = p < s.out_height() ? s.out_width() : 0;
    const Index first = (plane * s.out_height() + p) * s.out_width();
    const T* const from = y + first;
    const std::int32_t* const places = place + first;
    T* const to = x + plane * s.height * width;
    team.each(columns, [=](Index q) {
      const Index largest = q < whole ? Index(places[q]) : -1, wide = minimum(size, width - q * size);
      const T value = q < whole ? from[q] : T(0);
      for (Index a = 0; a < deep; ++a)
        for (Index b = 0; b < wide; ++b) {
          const Index here = row + a * width + q * size + b;
          to[here] = here == largest ? value : T(0);
        }
    });
  }
};

template <class T>
struct MaxPoolGather {
  const T* x;
  const std::int32_t* place;
  T* y;
  MaxPoolShape s;
  STILLPOINT_HD void operator()(Index at) const {
    const Index plane = at / (s.out_height() * s.out_width());
    y[at] = x[plane * s.height * s.width + place[at]];
  }
};

}  // namespace

void max_pool2d(const MaxPoolShape& s, const Array& x, const Array& y, const Array& place) {
  dispatch_real(y.dtype, "max_pool2d", [&](auto zero) {
    using T = decltype(zero);
    each_row(y.device, s.planes * s.out_height(), s.size * s.width,
             MaxPool2d<T>{x.as<T>(), y.as<T>(), place.as<std::int32_t>(), s});
  });
}

void max_pool2d_scatter(const MaxPoolShape& s, const Array& y, const Array& place, const Array& x) {
  dispatch_real(x.dtype, "max_pool2d_scatter", [&](auto zero) {
    using T = decltype(zero);
    const Index rows = (s.height + s.size - 1) / s.size, columns = (s.width + s.size - 1) / s.size;
    each_row(x.device, s.planes * rows, s.size * s.width,
             MaxPoolScatter<T>{y.as<T>(), place.as<std::int32_t>(), x.as<T>(), s, rows, columns});
  });
}

void max_pool2d_gather(const MaxPoolShape& s, const Array& x, const Array& place, const Array& y) {
  dispatch_real(y.dtype, "max_pool2d_gather", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, MaxPoolGather<T>{x.as<T>(), place.as<std::int32_t>(), y.as<T>(), s});
  });
}

}  // namespace stillpoint::kernels
