// The transform of one real line of n SIMD columns: folding the line at its symmetries leaves a dense product
// with a quarter of the entries (n even) or half of them (n odd).
#pragma once
#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/launch/register_tile.h"

namespace stillpoint::kernels::frequency_line {

// A column is tile::columns<T> neighbouring elements; strides count elements.
template <class T>
inline constexpr Index lanes = tile::columns<T>;

// The frequencies k = first + step i of the cosine or the sine part, and the folded places j = least + i that
// they come from.
template <class T>
struct Group {
  Index first, step, frequencies, least, places;
  std::vector<T> forward, inverse;  // (frequencies,places), (places,frequencies)
};

// With half = n/2 and e_j = x_j + x_{n-j}, o_j = x_j - x_{n-j}:  Re_k = sum_j e_j cos(2 pi j k/n) and
// Im_k = -sum_j o_j sin(2 pi j k/n) over 0 <= j <= half. For even n and even (odd) k, j and half - j have the
// same (opposite) cosine and opposite (the same) sine: they fold once more, into a group for each parity.
template <class T>
struct LinePlan {
  Index n;
  std::vector<Group<T>> cosine, sine;

  explicit LinePlan(Index size) : n(size) {
    const Index half = n / 2;
    if (n % 2 == 1) {
      cosine.push_back(group(false, 0, 1, half + 1, 0, half + 1));
      sine.push_back(group(true, 1, 1, half, 1, half));
      return;
    }
    cosine.push_back(group(false, 0, 2, half / 2 + 1, 0, half / 2 + 1));
    cosine.push_back(group(false, 1, 2, (half + 1) / 2, 0, (half + 1) / 2));
    sine.push_back(group(true, 2, 2, (half - 1) / 2, 1, (half - 1) / 2));
    sine.push_back(group(true, 1, 2, half / 2, 1, half / 2));
  }
  Group<T> group(bool is_sine, Index first, Index step, Index frequencies, Index least, Index places) const {
    Group<T> g{first, step, frequencies, least, places, {}, {}};
    g.forward.resize(std::size_t(frequencies * places));
    g.inverse.resize(g.forward.size());
    for (Index f = 0; f < frequencies; ++f)
      for (Index i = 0; i < places; ++i) {
        const Index k = first + step * f, j = least + i;
        const double angle = 2 * std::numbers::pi * double(j * k % n) / double(n);
        const double value = is_sine ? -std::sin(angle) : std::cos(angle);
        const double weight = (k == 0 || 2 * k == n ? 1.0 : 2.0) / double(n);  // k also stands for -k
        g.forward[std::size_t(f * places + i)] = T(value);
        g.inverse[std::size_t(i * frequencies + f)] = T(weight * value);
      }
    return g;
  }
};

template <class T>
struct Column {
  simd::Vector<T> a, b;
  friend Column operator+(Column x, Column y) { return {x.a + y.a, x.b + y.b}; }
  friend Column operator-(Column x, Column y) { return {x.a - y.a, x.b - y.b}; }
};
template <class T>
inline Column<T> get(const T* p) {
  return {simd::load(p), simd::load(p + simd::width<T>)};
}
template <class T>
inline void put(T* p, Column<T> c) {
  simd::store(p, c.a);
  simd::store(p + simd::width<T>, c.b);
}

// to[r] = sum_k m[r,k] from[k] for columns.
template <class T>
inline void multiply(Index rows, Index k, const T* m, const T* from, Index from_stride, T* to,
                     Index to_stride) {
  tile::for_row_blocks(rows, [&](auto count, Index first) {
    constexpr int R = count;
    simd::Vector<T> acc[R][2] = {};
    tile::multiply_add<false>(acc, k, m + first * k, k, from, from_stride);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) put(to + (first + r) * to_stride, Column<T>{acc[r][0], acc[r][1]});
  });
}

// Returns the columns that a line transform needs as scratch.
inline Index line_scratch(Index n) { return 2 * n + 8; }

// Transforms x_j at x + j stride to re and im at k stride for k = 0..n/2.
template <class T>
void forward_line(const LinePlan<T>& plan, const T* x, Index stride, T* re, T* im, Index out, T* scratch) {
  const Index n = plan.n, half = n / 2;
  T* const c0 = scratch;
  T* const c1 = c0 + (half + 2) * lanes<T>;
  T* const s0 = c1 + (half / 2 + 2) * lanes<T>;
  T* const s1 = n % 2 == 1 ? s0 : s0 + (half / 2 + 1) * lanes<T>;
  const auto e = [&](Index j) { return get(x + j * stride) + get(x + (n - j) * stride); };
  const auto o = [&](Index j) { return get(x + j * stride) - get(x + (n - j) * stride); };
  if (n % 2 == 1) {
    put(c0, get(x));
    for (Index j = 1; j <= half; ++j) {
      put(c0 + j * lanes<T>, e(j));
      put(s0 + (j - 1) * lanes<T>, o(j));
    }
  } else {
    const Column<T> first = get(x), middle = get(x + half * stride);
    put(c0, first + middle);
    put(c1, first - middle);
    Index j = 1;
    for (; j < half - j; ++j) {
      const Column<T> ea = e(j), eb = e(half - j), oa = o(j), ob = o(half - j);
      put(c0 + j * lanes<T>, ea + eb);
      put(c1 + j * lanes<T>, ea - eb);
      put(s0 + (j - 1) * lanes<T>, oa - ob);
      put(s1 + (j - 1) * lanes<T>, oa + ob);
    }
    if (2 * j == half) {
      put(c0 + j * lanes<T>, e(j));
      put(s1 + (j - 1) * lanes<T>, o(j));
    }
  }
  const T* const folded_even[2] = {c0, c1};
  const T* const folded_odd[2] = {s0, s1};
  for (std::size_t g = 0; g < plan.cosine.size(); ++g) {
    const Group<T>&c = plan.cosine[g], &s = plan.sine[g];
    multiply(c.frequencies, c.places, c.forward.data(), folded_even[g], lanes<T>, re + c.first * out,
             c.step * out);
    multiply(s.frequencies, s.places, s.forward.data(), folded_odd[g], lanes<T>, im + s.first * out,
             s.step * out);
  }
  put(im, Column<T>{});
  if (n % 2 == 0) put(im + half * out, Column<T>{});
}

// Transforms re and im at k stride for k = 0..n/2 (im is not read at 0 and n/2) to x_j at x + j out.
template <class T>
void inverse_line(const LinePlan<T>& plan, const T* re, const T* im, Index stride, T* x, Index out,
                  T* scratch) {
  const Index n = plan.n, half = n / 2;
  T* const c0 = scratch;
  T* const c1 = c0 + (half + 2) * lanes<T>;
  T* const s0 = c1 + (half / 2 + 2) * lanes<T>;
  T* const s1 = n % 2 == 1 ? s0 : s0 + (half / 2 + 1) * lanes<T>;
  T* const even[2] = {c0, c1};
  T* const odd[2] = {s0, s1};
  for (std::size_t g = 0; g < plan.cosine.size(); ++g) {
    const Group<T>&c = plan.cosine[g], &s = plan.sine[g];
    multiply(c.places, c.frequencies, c.inverse.data(), re + c.first * stride, c.step * stride, even[g],
             lanes<T>);
    multiply(s.places, s.frequencies, s.inverse.data(), im + s.first * stride, s.step * stride, odd[g],
             lanes<T>);
  }
  const auto pair = [&](Index j, Column<T> c, Column<T> s) {
    put(x + j * out, c + s);
    put(x + (n - j) * out, c - s);
  };
  if (n % 2 == 1) {
    put(x, get(c0));
    for (Index j = 1; j <= half; ++j) pair(j, get(c0 + j * lanes<T>), get(s0 + (j - 1) * lanes<T>));
    return;
  }
  put(x, get(c0) + get(c1));
  put(x + half * out, get(c0) - get(c1));
  Index j = 1;
  for (; j < half - j; ++j) {
    const Column<T> ce = get(c0 + j * lanes<T>), co = get(c1 + j * lanes<T>);
    const Column<T> se = get(s0 + (j - 1) * lanes<T>), so = get(s1 + (j - 1) * lanes<T>);
    pair(j, ce + co, se + so);
    pair(half - j, ce - co, so - se);
  }
  if (2 * j == half) pair(j, get(c0 + j * lanes<T>), get(s1 + (j - 1) * lanes<T>));
}

}  // namespace stillpoint::kernels::frequency_line
