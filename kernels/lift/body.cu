// Bodies of the random Fourier lift.
#include "kernels/lift/lift.h"

#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct Lift {
  const T* p;
  T* y;
  Index m;
  T scale;
  STILLPOINT_HD void operator()(Index i) const {
    const Index row = i / m, j = i - row * m;
    y[2 * row * m + j] = scale * cosine(p[i]);
    y[(2 * row + 1) * m + j] = scale * sine(p[i]);
  }
};
template <class T>
struct LiftAdjoint {
  const T *y, *g;
  T* dp;
  Index m;
  STILLPOINT_HD void operator()(Index i) const {
    const Index row = i / m, c = 2 * row * m + (i - row * m), s = c + m;
    dp[i] = y[c] * g[s] - y[s] * g[c];
  }
};
template <class T>
struct LiftTangent {
  const T *y, *u;
  T* t;
  Index m;
  STILLPOINT_HD void operator()(Index i) const {
    const Index row = i / m, c = 2 * row * m + (i - row * m), s = c + m;
    t[c] = -y[s] * u[i];
    t[s] = y[c] * u[i];
  }
};

}  // namespace

void lift(Index m, const Array& p, const Array& y) {
  dispatch_real(y.dtype, "lift", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, p.size, Lift<T>{p.as<T>(), y.as<T>(), m, T(std::sqrt(1.0 / double(m)))});
  });
}

void lift_adjoint(Index m, const Array& y, const Array& g, const Array& dp) {
  dispatch_real(y.dtype, "lift_adjoint", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, dp.size, LiftAdjoint<T>{y.as<T>(), g.as<T>(), dp.as<T>(), m});
  });
}

void lift_tangent(Index m, const Array& y, const Array& u, const Array& t) {
  dispatch_real(y.dtype, "lift_tangent", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, u.size, LiftTangent<T>{y.as<T>(), u.as<T>(), t.as<T>(), m});
  });
}

}  // namespace stillpoint::kernels
