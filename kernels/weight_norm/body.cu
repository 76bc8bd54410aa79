// Bodies of weight normalisation: a team per row.
#include "kernels/launch/launch.h"
#include "kernels/weight_norm/weight_norm.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct WeightNorm {
  const T *v, *g;
  T *w, *norm;
  Index columns;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T* const in = v + r * columns;
    T* const out = w + r * columns;
    const T length = square_root(team.template sum<T>(columns, [=](Index i) { return in[i] * in[i]; }));
    const T scale = g[r] / length;
    team.each(columns, [=](Index i) { out[i] = in[i] * scale; });
    if (team.leader()) norm[r] = length;
  }
};

template <class T>
struct WeightNormBackward {
  const T *v, *g, *norm, *dw;
  T *dv, *dg;
  Index columns;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T *const in = v + r * columns, *const of = dw + r * columns;
    T* const out = dv + r * columns;
    const T length = norm[r];
    const T along = team.template sum<T>(columns, [=](Index i) { return of[i] * in[i]; }) / length;
    const T scale = g[r] / length, share = along / length;
    team.each(columns, [=](Index i) { out[i] = scale * (of[i] - share * in[i]); });
    if (team.leader()) dg[r] = along;
  }
};

}  // namespace

void weight_norm(Index columns, const Array& v, const Array& g, const Array& w, const Array& norm) {
  dispatch_real(w.dtype, "weight_norm", [&](auto zero) {
    using T = decltype(zero);
    each_row(w.device, norm.size, columns,
             WeightNorm<T>{v.as<T>(), g.as<T>(), w.as<T>(), norm.as<T>(), columns});
  });
}

void weight_norm_backward(Index columns, const Array& v, const Array& g, const Array& norm, const Array& dw,
                          const WeightNormGradient& to) {
  dispatch_real(dw.dtype, "weight_norm_backward", [&](auto zero) {
    using T = decltype(zero);
    each_row(dw.device, norm.size, columns,
             WeightNormBackward<T>{v.as<T>(), g.as<T>(), norm.as<T>(), dw.as<T>(), to.dv.as<T>(),
                                   to.dg.as<T>(), columns});
  });
}

}  // namespace stillpoint::kernels
