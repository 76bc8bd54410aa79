// Body of the row softmax.
#include "kernels/losses/softmax.h"

#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct Softmax {
  const T* x;
  T* y;
  Index columns;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T* const in = x + r * columns;
    T* const out = y + r * columns;
    const T top = team.template max<T>(columns, [=](Index i) { return in[i]; });
    const T total = team.template sum<T>(columns, [=](Index i) { return exponential(in[i] - top); });
    const T scale = T(1) / total;
    team.each(columns, [=](Index i) { out[i] = exponential(in[i] - top) * scale; });
  }
};

}  // namespace

void softmax(Index columns, const Array& x, const Array& y) {
  dispatch_real(y.dtype, "softmax", [&](auto zero) {
    using T = decltype(zero);
    each_row(y.device, columns == 0 ? 0 : y.size / columns, columns,
             Softmax<T>{x.as<T>(), y.as<T>(), columns});
  });
}

}  // namespace stillpoint::kernels
