// Bodies of the softmax cross-entropy: a team per row, and on the CPU groups of short rows with SIMD
// exponentials.
#include "kernels/losses/softmax_xent.h"

#include <limits>
#include <numbers>

#include "kernels/launch/launch.h"
#include "kernels/launch/simd.h"

namespace stillpoint::kernels {
namespace {

// others = sum_{c != y} exp(l_c - max), own = exp(l_y - max)
template <class T>
STILLPOINT_HD T loss_of(T others, T own, T margin) {
  return margin == T(0) ? log1plus(others) : margin + logarithm(others + own);
}

template <class T>
struct RowLoss {
  const T* logits;
  const std::int32_t* labels;
  T* losses;
  Index classes;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T* const l = logits + r * classes;
    const Index y = labels[r];
    T loss = std::numeric_limits<T>::quiet_NaN();
    if (y >= 0 && y < classes) {
      const T top = team.template max<T>(classes, [=](Index c) { return l[c]; });
      const T others =
          team.template sum<T>(classes, [=](Index c) { return c == y ? T(0) : exponential(l[c] - top); });
      loss = loss_of(others, exponential(l[y] - top), top - l[y]);
    }
    if (team.leader()) losses[r] = loss;
  }
};

template <class T>
struct RowGradient {
  const T* logits;
  const std::int32_t* labels;
  const T* g;
  T* dlogits;
  Index classes;
  T inverse_rows;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T* const l = logits + r * classes;
    T* const d = dlogits + r * classes;
    const Index y = labels[r];
    if (y < 0 || y >= classes)
      return team.each(classes, [=](Index c) { d[c] = std::numeric_limits<T>::quiet_NaN(); });
    const T top = team.template max<T>(classes, [=](Index c) { return l[c]; });
    const T others =
        team.template sum<T>(classes, [=](Index c) { return c == y ? T(0) : exponential(l[c] - top); });
    const T scale = g[0] * inverse_rows / (others + exponential(l[y] - top));
    team.each(classes, [=](Index c) { d[c] = scale * (c == y ? -others : exponential(l[c] - top)); });
  }
};

// -- the CPU with rows so short that SIMD has to run across them --

constexpr Index group_elements = 1024;

// Returns exp(x) for x <= 0: x = n log 2 + r with |r| <= log(2) / 2, and the series of exp(r) up to r^7. The
// relative error is below 2 ulp; the result is 0 below -87, near the logarithm of the smallest normal number.
inline simd::Vector<float> exponential_of_negative(simd::Vector<float> x) {
  typedef std::int32_t Bits __attribute__((vector_size(simd::register_bytes)));
  constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const simd::Vector<float> least = simd::splat(-87.0f);
  const simd::Vector<float> limited = x < least ? least : x;
  const simd::Vector<float> n = (limited * std::numbers::log2e_v<float> + round) - round;
  const simd::Vector<float> r = (limited - n * 0.693145752f) - n * 1.42860677e-6f;  // log 2 in two parts
  simd::Vector<float> series = r * (1.0f / 5040) + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  const Bits power = (__builtin_convertvector(n, Bits) + 127) << 23;
  simd::Vector<float> scale;
  std::memcpy(&scale, &power, sizeof scale);
  return x < least ? simd::Vector<float>{} : series * scale;
}

// x = exp(x) for n elements, none of them positive, in memory that reaches to the next full vector.
inline void exponentials_of_negatives(float* x, Index n) {
  for (Index i = 0; i < n; i += simd::width<float>)
    simd::store(x + i, exponential_of_negative(simd::load(x + i)));
}
inline void exponentials_of_negatives(double* x, Index n) {
  for (Index i = 0; i < n; ++i) x[i] = exponential(x[i]);
}

// A group of rows with up to group_elements in all: e = exp(l - top) with top the row's maximum.
template <class T>
struct RowGroup {
  T e[group_elements], top[group_elements];

  RowGroup(const T* logits, Index rows, Index classes) {
    const Index n = rows * classes;
    for (Index i = n; i < minimum<Index>(n + simd::width<T>, group_elements); ++i) e[i] = T(0);
    for (Index r = 0; r < rows; ++r) {
      const T* const l = logits + r * classes;
      T largest = l[0];
      for (Index c = 1; c < classes; ++c) largest = maximum(largest, l[c]);
      top[r] = largest;
      for (Index c = 0; c < classes; ++c) e[r * classes + c] = l[c] - largest;
    }
    exponentials_of_negatives(e, n);
  }
};

template <class T>
T sum_without(const T* e, Index classes, Index y) {
  T sum = T(0);
  for (Index c = 0; c < classes; ++c) sum += c == y ? T(0) : e[c];
  return sum;
}

template <class T>
struct GroupLoss {
  RowLoss<T> row;
  Index rows, group;
  void operator()(Index block, SerialTeam) const {
    const Index first = block * group, n = minimum(group, rows - first), classes = row.classes;
    const T* const logits = row.logits + first * classes;
    const RowGroup<T> work(logits, n, classes);
    for (Index r = 0; r < n; ++r) {
      const Index y = row.labels[first + r];
      const T* const e = work.e + r * classes;
      row.losses[first + r] = y < 0 || y >= classes ? std::numeric_limits<T>::quiet_NaN()
                                                    : loss_of(sum_without(e, classes, y), e[y],
                                                              work.top[r] - logits[r * classes + y]);
    }
  }
};

template <class T>
struct GroupGradient {
  RowGradient<T> row;
  Index rows, group;
  void operator()(Index block, SerialTeam) const {
    const Index first = block * group, n = minimum(group, rows - first), classes = row.classes;
    const RowGroup<T> work(row.logits + first * classes, n, classes);
    const T g = row.g[0] * row.inverse_rows;
    for (Index r = 0; r < n; ++r) {
      const Index y = row.labels[first + r];
      const bool valid = y >= 0 && y < classes;
      const T* const e = work.e + r * classes;
      T* const d = row.dlogits + (first + r) * classes;
      const T others = valid ? sum_without(e, classes, y) : std::numeric_limits<T>::quiet_NaN();
      const T scale = g / (others + (valid ? e[y] : T(0)));
      for (Index c = 0; c < classes; ++c) d[c] = scale * e[c];
      if (valid) d[y] = -scale * others;
    }
  }
};

// Runs `Group` over groups of rows on the CPU if rows are short, else `row` over the rows.
template <class Group, class Row>
void over_rows(Device device, Index rows, Index classes, const Row& row) {
  const Index group = group_elements / classes;
  if (device == Device::cpu && group >= 2) {
    return each_row_cpu((rows + group - 1) / group, group * classes, Group{row, rows, group});
  }
  each_row(device, rows, classes, row);
}

}  // namespace

void softmax_xent_forward(std::int64_t rows, std::int64_t classes, const Array& logits, const Array& labels,
                          const Array& losses) {
  dispatch_real(logits.dtype, "softmax_xent", [&](auto zero) {
    using T = decltype(zero);
    over_rows<GroupLoss<T>>(logits.device, rows, classes,
                            RowLoss<T>{logits.as<T>(), labels.as<std::int32_t>(), losses.as<T>(), classes});
  });
}

void softmax_xent_backward(std::int64_t rows, std::int64_t classes, const Array& logits, const Array& labels,
                           const Array& g, double inverse_rows, const Array& dlogits) {
  dispatch_real(logits.dtype, "softmax_xent", [&](auto zero) {
    using T = decltype(zero);
    over_rows<GroupGradient<T>>(logits.device, rows, classes,
                                RowGradient<T>{logits.as<T>(), labels.as<std::int32_t>(), g.as<T>(),
                                               dlogits.as<T>(), classes, T(inverse_rows)});
  });
}

}  // namespace stillpoint::kernels
