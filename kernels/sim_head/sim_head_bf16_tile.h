// Element-wise work of the SIM head's bf16 form on row-major tiles of n positions.
#pragma once
#include <cmath>

#include "kernels/gemm/gemm_bf16.h"
#include "kernels/launch/register_tile.h"
#include "kernels/launch/simd_math.h"

namespace stillpoint::kernels::sim_head_bf16 {

using Floats = simd::Vector<float>;
inline constexpr Index lanes = simd::width<float>;

inline void put(float value, float* to) { *to = value; }
inline void put(float value, Bf16* to) { *to = to_bf16(value); }
inline float get(float x) { return x; }
inline float get(Bf16 x) { return from_bf16(x); }

template <class From, class To>
void convert(Index count, const From* from, To* to) {
  for (Index i = 0; i < count; ++i) put(get(from[i]), to + i);
}

// out (n,width) = act(x (n,in) w^T + b) in float32, for few inputs; w is packed as (in, width).
template <bool with_relu, class To>
void multiply_shallow(Index n, Index in, Index width, const float* x, const float* w, const float* b,
                      To* out) {
  for (Index p = 0; p < n; ++p, x += in, out += width) {
    Index c = 0;
    float row[lanes];
    for (; c < width; c += lanes) {
      const Index some = std::min(lanes, width - c);
      const auto part = [&](const float* from) {
        return some == lanes ? simd::load(from) : tile::load_some(from, some);
      };
      Floats sum = b != nullptr ? part(b + c) : Floats{};
      for (Index d = 0; d < in; ++d) sum += x[d] * part(w + d * width + c);
      simd::store(row, with_relu ? simd::relu<float>(sum) : sum);
      convert(some, row, out + c);
    }
  }
}

// dw (out,in) = or += e^T x, for few inputs.
inline void shallow_gradient(Index n, Index out, Index in, const Bf16* e, const float* x, float* dw,
                             bool add) {
  for (Index o = 0; o < out; o += lanes) {
    const Index some = std::min(lanes, out - o);
    Floats sums[16] = {};
    float row[lanes] = {};
    for (Index p = 0; p < n; ++p) {
      convert(some, e + p * out + o, row);
      const Floats v = simd::load(row);
      for (Index d = 0; d < in; ++d) sums[d] += x[p * in + d] * v;
    }
    for (Index d = 0; d < in; ++d)
      for (Index j = 0; j < some; ++j) {
        float& to = dw[(o + j) * in + d];
        to = add ? to + sums[d][j] : sums[d][j];
      }
  }
}

// db (out) = or += the sum of e (n,out) over positions.
inline void sum_columns(Index n, Index out, const Bf16* e, float* db, bool add) {
  if (!add) std::fill_n(db, out, 0.0f);
  for (Index p = 0; p < n; ++p, e += out)
    for (Index o = 0; o < out; ++o) db[o] += from_bf16(e[o]);
}

// z (n,2m) = sqrt(1/m) [cos p, sin p] of p (n,m)
template <class To>
void lift(Index n, Index m, const float* p, To* z) {
  const float scale = float(std::sqrt(1.0 / double(m)));
  float cosines[lanes], sines[lanes];
  for (Index i = 0; i < n; ++i, p += m, z += 2 * m)
    for (Index c = 0; c < m; c += lanes) {
      const Index some = std::min(lanes, m - c);
      Floats sine, cosine;
      simd::sincos(some == lanes ? simd::load(p + c) : tile::load_some(p + c, some), sine, cosine);
      simd::store(cosines, Floats(scale * cosine));
      simd::store(sines, Floats(scale * sine));
      convert(some, cosines, z + c);
      convert(some, sines, z + m + c);
    }
}

// e (n,m) = z_cos g_sin - z_sin g_cos for g, z (n,2m)
template <class Z>
void lift_adjoint(Index n, Index m, const Z* z, const float* g, Bf16* e) {
  for (Index i = 0; i < n; ++i, z += 2 * m, g += 2 * m, e += m)
    for (Index c = 0; c < m; ++c) e[c] = to_bf16(get(z[c]) * g[m + c] - get(z[m + c]) * g[c]);
}

// g where z > 0, else 0; z is a ReLU's output.
inline void gate(Index count, const Bf16* z, Bf16* g) {
  for (Index i = 0; i < count; ++i) g[i] = std::int16_t(z[i]) > 0 ? g[i] : Bf16(0);
}
inline void gate(Index count, const float* z, const float* g, Bf16* e) {
  for (Index i = 0; i < count; ++i) e[i] = to_bf16(z[i] > 0 ? g[i] : 0.0f);
}

}  // namespace stillpoint::kernels::sim_head_bf16
