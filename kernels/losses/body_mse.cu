// Bodies of the mean squared error.
#include "kernels/losses/mse.h"

#include "kernels/launch/launch.h"
#include "kernels/strided/strided.h"

namespace stillpoint::kernels {
namespace {

constexpr Index chunk = 4096;

// y[r] = scale * sum of squared differences in the r-th chunk.
template <class T>
struct SquaredError {
  const T *x, *t;
  T* y;
  Index n;
  T scale;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T* const a = x + r * chunk;
    const T* const b = t + r * chunk;
    const T total = team.template sum<T>(minimum<Index>(chunk, n - r * chunk),
                                         [=](Index i) { return (a[i] - b[i]) * (a[i] - b[i]); });
    if (team.leader()) y[r] = total * scale;
  }
};
template <class T>
struct MseAdjoint {
  const T *x, *t, *g;
  T* dx;
  T scale;
  STILLPOINT_HD void operator()(Index i) const { dx[i] = scale * g[0] * (x[i] - t[i]); }
};

}  // namespace

void mse(const Array& x, const Array& t, const Array& loss) {
  dispatch_real(x.dtype, "mse", [&](auto zero) {
    using T = decltype(zero);
    const Index rows = (x.size + chunk - 1) / chunk;
    const Buffer partial(x.device, std::size_t(rows) * sizeof(T));
    T* const sums = static_cast<T*>(partial.data());
    each_row(x.device, rows, chunk,
             SquaredError<T>{x.as<T>(), t.as<T>(), sums, x.size, T(1.0 / double(x.size))});
    sum({sums, rows, x.dtype, x.device}, loss);
  });
}

void mse_adjoint(const Array& x, const Array& t, const Array& g, const Array& dx) {
  dispatch_real(x.dtype, "mse_adjoint", [&](auto zero) {
    using T = decltype(zero);
    each(x.device, x.size,
         MseAdjoint<T>{x.as<T>(), t.as<T>(), g.as<T>(), dx.as<T>(), T(2.0 / double(x.size))});
  });
}

}  // namespace stillpoint::kernels
