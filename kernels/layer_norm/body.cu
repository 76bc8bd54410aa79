// Bodies of layer normalisation: a team per row.
#include "kernels/layer_norm/layer_norm.h"

#include "kernels/launch/launch.h"
#include "kernels/launch/optional_array.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct LayerNorm {
  const T* x;
  T *y, *inverse;
  Index columns;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T* const in = x + r * columns;
    T* const out = y + r * columns;
    const T mean = team.template sum<T>(columns, [=](Index i) { return in[i]; }) / T(columns);
    const T squares = team.template sum<T>(columns, [=](Index i) { return (in[i] - mean) * (in[i] - mean); });
    const T scale = T(1) / square_root(squares / T(columns) + T(layer_norm_eps));
    team.each(columns, [=](Index i) { out[i] = (in[i] - mean) * scale; });
    if (team.leader()) inverse[r] = scale;
  }
};

template <class T>
struct LayerNormBackward {
  const T *y, *inverse, *g, *plus, *last;
  T* dx;
  Index columns;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T *const value = y + r * columns, *const of = g + r * columns;
    T* const out = dx + r * columns;
    const T mean = team.template sum<T>(columns, [=](Index i) { return of[i]; }) / T(columns);
    const T along = team.template sum<T>(columns, [=](Index i) { return of[i] * value[i]; }) / T(columns);
    const T scale = inverse[r];
    const T *const first = row(plus, r), *const second = row(last, r);
    team.each(columns, [=](Index i) {
      T d = scale * (of[i] - mean - value[i] * along);
      if (first != nullptr) d += first[i];
      if (second != nullptr) d += second[i];
      out[i] = d;
    });
  }
  STILLPOINT_HD const T* row(const T* rows, Index r) const {
    return rows == nullptr ? nullptr : rows + r * columns;
  }
};

}  // namespace

void layer_norm(Index columns, const Array& x, const Array& y, const Array& inverse) {
  dispatch_real(y.dtype, "layer_norm", [&](auto zero) {
    using T = decltype(zero);
    each_row(y.device, inverse.size, columns, LayerNorm<T>{x.as<T>(), y.as<T>(), inverse.as<T>(), columns});
  });
}

void layer_norm_backward(Index columns, const Array& y, const Array& inverse, const Array& g, const Array& dx,
                         const Array& plus, const Array& last) {
  dispatch_real(dx.dtype, "layer_norm_backward", [&](auto zero) {
    using T = decltype(zero);
    each_row(dx.device, inverse.size, columns,
             LayerNormBackward<T>{y.as<T>(), inverse.as<T>(), g.as<T>(), pointer_or_null<T>(plus),
                                  pointer_or_null<T>(last), dx.as<T>(), columns});
  });
}

}  // namespace stillpoint::kernels
