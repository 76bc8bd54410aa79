// Bodies of maximum pooling and of the maps between its values and their places.
#include "kernels/max_pool.h"

#include "kernels/launch.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct MaxPool2d {
  const T* x;
  T* y;
  std::int32_t* place;
  MaxPoolShape s;
  STILLPOINT_HD void operator()(Index at) const {
    const Index columns = s.out_width(), rows = s.out_height();
    const Index q = at % columns, p = at / columns % rows, plane = at / (columns * rows);
    const T* const image = x + plane * s.height * s.width;
    Index best = (p * s.width + q) * s.size;
    T value = image[best];
    for (Index a = 0; a < s.size; ++a)
      for (Index b = 0; b < s.size; ++b) {
        const Index here = (p * s.size + a) * s.width + q * s.size + b;
        const T v = image[here];
        if (!(v > value) && v == v) continue;
        value = v;
        best = here;
      }
    y[at] = value;
    place[at] = std::int32_t(best);
  }
};

template <class T>
struct MaxPoolScatter {
  const T* y;
  const std::int32_t* place;
  T* x;
  MaxPoolShape s;
  STILLPOINT_HD void operator()(Index at) const {
    const Index size = s.height * s.width, here = at % size, plane = at / size;
    const Index p = here / s.width / s.size, q = here % s.width / s.size;
    T value = T(0);
    if (p < s.out_height() && q < s.out_width()) {
      const Index window = (plane * s.out_height() + p) * s.out_width() + q;
      if (place[window] == here) value = y[window];
    }
    x[at] = value;
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
    each(y.device, y.size, MaxPool2d<T>{x.as<T>(), y.as<T>(), place.as<std::int32_t>(), s});
  });
}

void max_pool2d_scatter(const MaxPoolShape& s, const Array& y, const Array& place, const Array& x) {
  dispatch_real(x.dtype, "max_pool2d_scatter", [&](auto zero) {
    using T = decltype(zero);
    each(x.device, x.size, MaxPoolScatter<T>{y.as<T>(), place.as<std::int32_t>(), x.as<T>(), s});
  });
}

void max_pool2d_gather(const MaxPoolShape& s, const Array& x, const Array& place, const Array& y) {
  dispatch_real(y.dtype, "max_pool2d_gather", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, MaxPoolGather<T>{x.as<T>(), place.as<std::int32_t>(), y.as<T>(), s});
  });
}

}  // namespace stillpoint::kernels
