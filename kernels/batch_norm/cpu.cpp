// Sweeps of batch normalisation on the CPU: a vector of windows at a time, for whole planes or for 2 x 2
// windows.
#include "kernels/batch_norm/batch_norm_cpu.h"

#include <algorithm>
#include <utility>

#include "kernels/host/pool.h"
#include "kernels/host/threads.h"
#include "kernels/launch/simd_lanes.h"

namespace stillpoint::kernels {
namespace {

using simd::Vector;
template <class T>
constexpr Index width = simd::width<T>;

template <class T>
struct WideChannel {
  Vector<T> gain, shift, mean, inverse;

  explicit WideChannel(const BatchNormChannel<T>& c)
      : gain(simd::splat(c.gain)),
        shift(simd::splat(c.shift)),
        mean(simd::splat(c.mean)),
        inverse(simd::splat(c.inverse)) {}
  Vector<T> normalised(Vector<T> x) const { return (x - mean) * inverse; }
  Vector<T> value(Vector<T> z) const { return gain * z + shift; }
};

// Calls f(plane, channel) for every plane.
template <class F>
void each_plane(const BatchNormShape& s, F f) {
  const Index planes = s.batch * s.channels;
  parallel_ranges(planes, piece_elements / std::max<Index>(s.places(), 1),
                  planes * s.places() >= serial_below, [&](Index begin, Index end) {
                    for (Index r = begin; r < end; ++r) f(r, r % s.channels);
                  });
}

// A vector of windows: the place of its first window in the plane and among the outputs, the lanes [from, to)
// whose windows no earlier vector held, and how many lanes may be read and written. In a narrow row the
// vector continues into places whose own turn comes later, if there are any.
struct Lanes {
  Index place, output, from, to, open;
};

// Calls f(lanes) until each window of a plane was in a vector. If a row is long enough, its last vector
// reaches back. Without pooling the plane is one row.
template <class T, int pool, class F>
[[gnu::always_inline]] inline void each_vector(const BatchNormShape& s, F f) {
  const Index rows = pool == 1 ? 1 : s.out_height(), columns = pool == 1 ? s.places() : s.out_width();
  const Index last_output = rows * columns - width<T>;
  const Index last_place = s.places() - (pool - 1) * s.width - pool * width<T>;
  for (Index p = 0; p < rows; ++p) {
    const Index place = p * pool * s.width, output = p * columns;
    Index q = 0;
    for (; q + width<T> <= columns; q += width<T>)
      f(Lanes{place + q * pool, output + q, 0, width<T>, width<T>});
    if (q == columns) continue;
    if (columns >= width<T>) {
      const Index start = columns - width<T>;
      f(Lanes{place + start * pool, output + start, q - start, width<T>, width<T>});
    } else {
      f(Lanes{place, output, 0, columns, output <= last_output && place <= last_place ? width<T> : columns});
    }
  }
}

// The places of a vector of windows, row by row: one vector per place of a window.
template <class T, int pool>
struct Windows {
  Vector<T> at[pool * pool];

  void load(const T* x, Index row, Index count) {
    if constexpr (pool == 1) {
      at[0] = simd::load_part(x, count);
    } else {
      for (int a = 0; a < 2; ++a, x += row) {
        const Vector<T> low = simd::load_part(x, 2 * count),
                        high = simd::load_part(x + width<T>, 2 * count - width<T>);
        at[2 * a] = simd::every_second<0>(low, high, simd::LaneSequence<T>{});
        at[2 * a + 1] = simd::every_second<1>(low, high, simd::LaneSequence<T>{});
      }
    }
  }
  void store(T* x, Index row, Index count) const {
    if constexpr (pool == 1) {
      simd::store_part(x, at[0], count);
    } else {
      for (int a = 0; a < 2; ++a, x += row) {
        simd::store_part(x, simd::interleave<0>(at[2 * a], at[2 * a + 1], simd::LaneSequence<T>{}),
                         2 * count);
        simd::store_part(x + width<T>, simd::interleave<1>(at[2 * a], at[2 * a + 1], simd::LaneSequence<T>{}),
                         2 * count - width<T>);
      }
    }
  }
};

// The first largest value of each window; `winner` is its place in the window.
template <class T>
struct Largest {
  Vector<T> z, value, winner;
};
template <class T, int pool>
Largest<T> largest(const Windows<T, pool>& z, const WideChannel<T>& channel) {
  Largest<T> best{z.at[0], channel.value(z.at[0]), Vector<T>{}};
  for (int k = 1; k < pool * pool; ++k) {
    const Vector<T> value = channel.value(z.at[k]);
    const auto take = (value > best.value) | (value != value);  // NOLINT(misc-redundant-expression)
    best.z = take ? z.at[k] : best.z;
    best.value = take ? value : best.value;
    best.winner = take ? simd::splat(T(k)) : best.winner;
  }
  return best;
}

template <class T, int pool>
Windows<T, pool> normalised(const WideChannel<T>& channel, const T* x, Index row, Index count) {
  Windows<T, pool> z;
  z.load(x, row, count);
  for (int k = 0; k < pool * pool; ++k) z.at[k] = channel.normalised(z.at[k]);
  return z;
}

// Returns v with 0 outside of the lanes [from, to).
template <class T>
Vector<T> only(Vector<T> v, const Lanes& lanes) {
  if (lanes.from == 0 && lanes.to == width<T>) return v;
  return simd::lanes_or<T>(v, lanes.from, lanes.to, T(0));
}

template <class T, int pool>
void values(const BatchNormShape& s, const BatchNormChannels<T>& channels, const T* x, T* y) {
  const Index outputs = s.out_height() * s.out_width();
  each_plane(s, [&](Index r, Index c) {
    const WideChannel<T> channel(channels[c]);
    const T* const in = x + r * s.places();
    T* const out = y + r * outputs;
    each_vector<T, pool>(s, [&](const Lanes& lanes) {
      const auto z = normalised<T, pool>(channel, in + lanes.place, s.width, lanes.open);
      simd::store_part(out + lanes.output, simd::relu<T>(largest<T, pool>(z, channel).value), lanes.open);
    });
  });
}

template <class T, int pool>
void plane_gradients(const BatchNormShape& s, const BatchNormChannels<T>& channels, const T* x, const T* g,
                     T* dshift, T* dgain) {
  const Index outputs = s.out_height() * s.out_width();
  each_plane(s, [&](Index r, Index c) {
    const WideChannel<T> channel(channels[c]);
    const T *const in = x + r * s.places(), *const of = g + r * outputs;
    Vector<T> total{}, along{};
    each_vector<T, pool>(s, [&](const Lanes& lanes) {
      const auto z = normalised<T, pool>(channel, in + lanes.place, s.width, lanes.open);
      const Largest<T> best = largest<T, pool>(z, channel);
      const Vector<T> through = only<T>(simd::load_part(of + lanes.output, lanes.open), lanes);
      const Vector<T> m = best.value > Vector<T>{} ? through : Vector<T>{};
      total += m;
      along += m * best.z;
    });
    dshift[r] = simd::sum<T>(total);
    dgain[r] = simd::sum<T>(along);
  });
}

template <class T>
struct InputGradient {
  T scale, mean, along;
};

// Writes dx at the places that no window covers, where m is 0.
template <class T>
void uncovered(const BatchNormShape& s, const BatchNormChannel<T>& channel, const InputGradient<T>& to,
               const T* x, T* dx) {
  for (Index i = 0; i < s.height; ++i)
    for (Index j = i < s.out_height() * s.pool ? s.out_width() * s.pool : 0; j < s.width; ++j) {
      const Index at = i * s.width + j;
      dx[at] = to.scale * (-to.mean - channel.normalised(x[at]) * to.along);
    }
}

template <class T, int pool>
void input_gradient(const BatchNormShape& s, const BatchNormChannels<T>& channels, const T* x, const T* g,
                    const T* dshift, const T* dgain, T* dx) {
  const Index outputs = s.out_height() * s.out_width();
  each_plane(s, [&](Index r, Index c) {
    const BatchNormChannel<T> narrow = channels[c];
    const WideChannel<T> channel(narrow);
    const InputGradient<T> to{narrow.gain * narrow.inverse, dshift[c] / T(s.values()),
                              dgain[c] / T(s.values())};
    const T *const in = x + r * s.places(), *const of = g + r * outputs;
    T* const out = dx + r * s.places();
    each_vector<T, pool>(s, [&](const Lanes& lanes) {
      const auto z = normalised<T, pool>(channel, in + lanes.place, s.width, lanes.open);
      const Largest<T> best = largest<T, pool>(z, channel);
      const Vector<T> through = simd::load_part(of + lanes.output, lanes.open);
      const Vector<T> m = best.value > Vector<T>{} ? through : Vector<T>{};
      Windows<T, pool> d;
      for (int k = 0; k < pool * pool; ++k) {
        const Vector<T> own = pool == 1 || best.winner == simd::splat(T(k)) ? m : Vector<T>{};
        d.at[k] = to.scale * (own - to.mean - z.at[k] * to.along);
      }
      d.store(out + lanes.place, s.width, lanes.open);
    });
    if (pool > 1) uncovered(s, narrow, to, in, out);
  });
}

// Calls f(std::integral_constant<int, pool>) and returns true, if there are sweeps for this pool.
template <class F>
bool with_pool(const BatchNormShape& s, F f) {
  if (s.pool == 1) return f(std::integral_constant<int, 1>{}), true;
  if (s.pool == 2) return f(std::integral_constant<int, 2>{}), true;
  return false;
}

}  // namespace

template <class T>
void plane_moments_cpu(const BatchNormShape& s, const T* x, T* mean, T* squares) {
  const Index n = s.places();
  each_plane(s, [&](Index r, Index) {
    const T* const in = x + r * n;
    // Sums f over the plane; four vectors of lanes add up in turn.
    const auto sum = [&](auto f) {
      Vector<T> lanes[4] = {};
      Index i = 0;
      for (; i + 4 * width<T> <= n; i += 4 * width<T>)
        for (int k = 0; k < 4; ++k) lanes[k] += f(simd::load(in + i + k * width<T>));
      for (; i + width<T> <= n; i += width<T>) lanes[0] += f(simd::load(in + i));
      T total = simd::sum<T>((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
      for (; i < n; ++i) total += f(in[i]);
      return total;
    };
    const T first = in[0];
    const T centre = first + sum([&](auto v) { return v - first; }) / T(n);
    mean[r] = centre;
    squares[r] = sum([&](auto v) { return (v - centre) * (v - centre); });
  });
}

template <class T>
bool batch_norm_relu_cpu(const BatchNormShape& s, const BatchNormChannels<T>& channels, const T* x, T* y) {
  return with_pool(s, [&](auto pool) { values<T, pool>(s, channels, x, y); });
}

template <class T>
bool plane_gradients_cpu(const BatchNormShape& s, const BatchNormChannels<T>& channels, const T* x,
                         const T* g, T* dshift, T* dgain) {
  return with_pool(s, [&](auto pool) { plane_gradients<T, pool>(s, channels, x, g, dshift, dgain); });
}

template <class T>
void batch_norm_relu_backward_cpu(const BatchNormShape& s, const BatchNormChannels<T>& channels, const T* x,
                                  const T* g, const T* dshift, const T* dgain, T* dx) {
  with_pool(s, [&](auto pool) { input_gradient<T, pool>(s, channels, x, g, dshift, dgain, dx); });
}

#define STILLPOINT_INSTANTIATE(T)                                                                         \
  template void plane_moments_cpu<T>(const BatchNormShape&, const T*, T*, T*);                            \
  template bool batch_norm_relu_cpu<T>(const BatchNormShape&, const BatchNormChannels<T>&, const T*, T*); \
  template bool plane_gradients_cpu<T>(const BatchNormShape&, const BatchNormChannels<T>&, const T*,      \
                                       const T*, T*, T*);                                                 \
  template void batch_norm_relu_backward_cpu<T>(const BatchNormShape&, const BatchNormChannels<T>&,       \
                                                const T*, const T*, const T*, const T*, T*);
STILLPOINT_INSTANTIATE(float)
STILLPOINT_INSTANTIATE(double)

}  // namespace stillpoint::kernels
