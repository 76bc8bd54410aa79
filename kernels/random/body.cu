// Bodies of the random fills.
#include "kernels/random/random.h"

#include "kernels/launch/launch.h"
#include "kernels/launch/philox.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct FillUniform {
  T* y;
  RandomKey key;
  double low, high;
  STILLPOINT_HD void operator()(Index i) const {
    const Philox4 r = philox(key.seed, key.stream, std::uint64_t(i));
    const T value = T(low + (high - low) * unit_interval(r.x[0], r.x[1]));
    y[i] = value < T(high) ? value : T(low);  // rounding to T may reach `high`
  }
};
template <class T>
struct FillNormal {
  T* y;
  RandomKey key;
  double mean, deviation;
  STILLPOINT_HD void operator()(Index i) const {
    const Philox4 r = philox(key.seed, key.stream, std::uint64_t(i));
    const double radius = square_root(-2.0 * logarithm(1.0 - unit_interval(r.x[0], r.x[1])));
    const double angle = 6.283185307179586476925286766559 * unit_interval(r.x[2], r.x[3]);
    y[i] = T(mean + deviation * radius * cosine(angle));
  }
};

}  // namespace

void fill_uniform(const Array& y, RandomKey key, double low, double high) {
  require(low < high, "fill_uniform: given [", low, ", ", high, "), expected low < high, swap the bounds");
  dispatch_real(y.dtype, "fill_uniform", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, FillUniform<T>{y.as<T>(), key, low, high});
  });
}

void fill_normal(const Array& y, RandomKey key, double mean, double deviation) {
  dispatch_real(y.dtype, "fill_normal", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, FillNormal<T>{y.as<T>(), key, mean, deviation});
  });
}

}  // namespace stillpoint::kernels
