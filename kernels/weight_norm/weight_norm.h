// Weights whose rows have given norms.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// w[r,:] = v[r,:] g[r] / norm[r] with norm[r] = ||v[r,:]||; v and w (rows,columns), g and norm (rows).
void weight_norm(std::int64_t columns, const Array& v, const Array& g, const Array& w, const Array& norm);

// dg[r] = dw[r,:] . v[r,:] / norm[r], dv[r,:] = g[r] / norm[r] (dw[r,:] - v[r,:] dg[r] / norm[r]); dv and dw
// (rows,columns), dg (rows).
struct WeightNormGradient {
  Array dv, dg;
};
void weight_norm_backward(std::int64_t columns, const Array& v, const Array& g, const Array& norm,
                          const Array& dw, const WeightNormGradient& to);

}  // namespace stillpoint::kernels
