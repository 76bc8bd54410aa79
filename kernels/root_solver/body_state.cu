// Bodies of the state of an iteration for z = f(z), and of the work of Broyden's and Anderson's methods per
// sample.
#include "kernels/root_solver/root_state.h"

#include <vector>

#include "kernels/launch/launch.h"
#include "kernels/root_solver/solver_chunk.h"

namespace stillpoint::kernels {
namespace {

constexpr Index chunk = solver_chunk;

template <class T>
STILLPOINT_HD bool is_finite(T x) {
  return x - x == T(0);
}

// sums[2 r], sums[2 r + 1] are the sums of (f - z)^2 and of f^2 over the r-th chunk.
template <class T>
struct ResidualSums {
  const T *z, *f;
  T* sums;
  Index width, chunks;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index j = r % chunks, b = r / chunks, n = minimum<Index>(chunk, width - j * chunk);
    const T* const a = z + b * width + j * chunk;
    const T* const c = f + b * width + j * chunk;
    const T difference = team.template sum<T>(n, [=](Index i) { return (c[i] - a[i]) * (c[i] - a[i]); });
    const T value = team.template sum<T>(n, [=](Index i) { return c[i] * c[i]; });
    if (team.leader()) {
      sums[2 * r] = difference;
      sums[2 * r + 1] = value;
    }
  }
};

template <class T>
struct JudgeResidual {
  const T* sums;
  T *lowest, *first, *trace;
  std::int32_t *status, *steps, *better;
  Index chunks, step;
  T tolerance, divergence;
  bool relative;
  STILLPOINT_HD void operator()(Index b) const {
    better[b] = 0;
    trace[b] = lowest[b];
    if (status[b] != std::int32_t(SampleStatus::running)) return;
    T difference = T(0), value = T(0);
    for (Index j = b * chunks; j < (b + 1) * chunks; ++j) {
      difference += sums[2 * j];
      value += sums[2 * j + 1];
    }
    T residual = square_root(difference);
    if (relative) residual /= square_root(value) + T(1e-9);
    trace[b] = residual;
    steps[b] = std::int32_t(step);
    if (step == 1) first[b] = residual;
    if (residual < lowest[b]) {
      lowest[b] = residual;
      better[b] = 1;
    }
    if (!is_finite(residual))
      status[b] = std::int32_t(SampleStatus::non_finite);
    else if (residual < tolerance)
      status[b] = std::int32_t(SampleStatus::converged);
    else if (residual > divergence * first[b])
      status[b] = std::int32_t(SampleStatus::diverged);
  }
};

// Rows are chunks of samples.
template <class T, class Flag>
struct CopyWhere {
  const Flag* flags;
  const T* from;
  T* to;
  Index width, chunks;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index b = r / chunks, begin = r % chunks * chunk;
    if (flags[b] == Flag(0)) return;
    const T* const x = from + b * width + begin;
    T* const y = to + b * width + begin;
    team.each(minimum<Index>(chunk, width - begin), [=](Index i) { y[i] = x[i]; });
  }
};

template <class T>
struct JudgeLineSearch {
  const T* squares;
  T *start, *scale, *last_scale, *last_squares, *taken;
  STILLPOINT_HD void operator()(Index b) const {
    const T s = scale[b], value = squares[b];
    const bool gave_up = last_scale[b] < T(0);
    const bool enough = value <= (T(1) - T(line_decrease) * s) * start[b];
    if (gave_up || enough) {
      taken[b] = s;
      start[b] = value;
      scale[b] = T(1);
      last_scale[b] = T(0);
      return;
    }
    taken[b] = T(0);
    T next = least(b, s, value);
    // The condition is negated so that a NaN is clamped, too.
    if (!(next >= T(0.1) * s && next <= T(0.5) * s)) next = next > T(0.5) * s ? T(0.5) * s : T(0.1) * s;
    last_squares[b] = value;
    last_scale[b] = s;
    if (next < T(least_line_scale)) {
      next = T(1);
      last_scale[b] = T(-1);
    }
    scale[b] = next;
  }
  // Returns the least point of the parabola through start, its slope and the trial, or of the cubic that also
  // goes through the trial before.
  STILLPOINT_HD T least(Index b, T s, T value) const {
    const T f = start[b], h = last_scale[b];
    const T rise = (value - f + f * s) / (s * s);
    if (h == T(0)) return f / (T(2) * rise);
    const T earlier = (last_squares[b] - f + f * h) / (h * h);
    const T a = (rise - earlier) / (s - h), c = rise - a * s;
    return (-c + square_root(maximum(c * c + T(3) * a * f, T(0)))) / (T(3) * a);
  }
};

template <class T>
struct BroydenUpdate {
  const T *p, *q, *along, *length, *taken;
  T *u, *next;
  Index width, chunks, u_stride;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index b = r / chunks, begin = r % chunks * chunk;
    // In a sample that has stopped, along + length is only rounding.
    const T sum = along[b] + length[b], least = (sizeof(T) == 8 ? T(1e-10) : T(1e-4)) * length[b];
    const T scale = T(1) / sum, t = taken == nullptr ? T(1) : taken[b];
    const bool usable = is_finite(scale) && is_finite(along[b]) && maximum(sum, -sum) > least;
    const bool refused = t == T(0);
    const T of_u = usable && !refused ? scale : T(0), rest = T(1) - t, by_u = along[b];
    const T* const from = q + b * width + begin;
    const T* const step = p + b * width + begin;
    T* const row = u + b * u_stride + begin;
    T* const to = next + b * width + begin;
    team.each(minimum<Index>(chunk, width - begin), [=](Index i) {
      row[i] = of_u == T(0) ? T(0) : of_u * (from[i] - rest * step[i]);
      to[i] = refused || !is_finite(from[i]) ? step[i] : from[i] - (of_u == T(0) ? T(0) : by_u * row[i]);
    });
  }
};

// Gaussian elimination with row pivots in double: the bordered system has a saddle point and no Cholesky
// factor.
template <class T>
struct AndersonWeights {
  const T* gram;
  T* alpha;
  Index capacity, count, newest;
  double regularisation;
  bool relative;
  STILLPOINT_HD void operator()(Index b) const {
    constexpr int most = int(most_anderson_rows) + 1;
    double m[most][most + 1];
    const int n = int(count) + 1;
    fill(b, n, m);
    const bool solved = eliminate(n, m);
    for (int k = 0; k + 1 < n; ++k) alpha[b * count + k] = solved ? T(m[k + 1][n]) : T(k == newest ? 1 : 0);
  }
  template <class Matrix>
  STILLPOINT_HD void fill(Index b, int n, Matrix& m) const {
    const T* const g = gram + b * capacity * capacity;
    double lambda = regularisation;
    if (relative) {
      double trace = 0;
      for (Index k = 0; k < count; ++k) trace += double(g[k * capacity + k]);
      lambda *= trace / double(count);
    }
    for (int r = 0; r < n; ++r)
      for (int c = 0; c < n; ++c)
        m[r][c] =
            r == 0 || c == 0 ? double(r != c) : double(g[(r - 1) * capacity + c - 1]) + (r == c ? lambda : 0);
    for (int r = 0; r < n; ++r) m[r][n] = r == 0 ? 1 : 0;
  }
  // The solution ends in the last column.
  template <class Matrix>
  STILLPOINT_HD bool eliminate(int n, Matrix& m) const {
    for (int k = 0; k < n; ++k) {
      int pivot = k;
      for (int r = k + 1; r < n; ++r)
        if (magnitude(m[r][k]) > magnitude(m[pivot][k])) pivot = r;
      if (!(magnitude(m[pivot][k]) > 0) || !is_finite(m[pivot][k])) return false;
      for (int c = k; c <= n; ++c) {
        const double kept = m[k][c];
        m[k][c] = m[pivot][c];
        m[pivot][c] = kept;
      }
      for (int r = 0; r < n; ++r) {
        if (r == k) continue;
        const double factor = m[r][k] / m[k][k];
        for (int c = k; c <= n; ++c) m[r][c] -= factor * m[k][c];
      }
    }
    bool finite = true;
    for (int r = 0; r < n; ++r) {
      m[r][n] /= m[r][r];
      finite = finite && is_finite(m[r][n]);
    }
    return finite;
  }
  STILLPOINT_HD static double magnitude(double x) { return x < 0 ? -x : x; }
};

template <class T>
struct SetGramRow {
  const T* products;
  T* gram;
  Index capacity, count, slot;
  STILLPOINT_HD void operator()(Index i) const {
    const Index b = i / count, k = i % count;
    T* const g = gram + b * capacity * capacity;
    g[slot * capacity + k] = g[k * capacity + slot] = products[i];
  }
};

}  // namespace

void judge_residuals(const Array& z, const Array& f, Index step, const RootRule& rule, const RootState& state,
                     const Array& trace) {
  dispatch_real(z.dtype, "judge_residuals", [&](auto zero) {
    using T = decltype(zero);
    const Index samples = state.status.size, width = z.size / samples, chunks = (width + chunk - 1) / chunk;
    const Buffer partial(z.device, std::size_t(2 * samples * chunks) * sizeof(T));
    T* const sums = static_cast<T*>(partial.data());
    each_row(z.device, samples * chunks, minimum(chunk, width),
             ResidualSums<T>{z.as<T>(), f.as<T>(), sums, width, chunks});
    each(z.device, samples,
         JudgeResidual<T>{sums, state.lowest.as<T>(), state.first.as<T>(), trace.as<T>(),
                          state.status.as<std::int32_t>(), state.steps.as<std::int32_t>(),
                          state.better.as<std::int32_t>(), chunks, step, T(rule.tolerance),
                          T(rule.divergence), rule.relative});
  });
}

void copy_where(const Array& flags, const Array& from, const Array& to) {
  dispatch_real(from.dtype, "copy_where", [&](auto zero) {
    using T = decltype(zero);
    const Index width = from.size / flags.size, chunks = (width + chunk - 1) / chunk;
    const auto copy = [&](const auto* flag) {
      each_row(from.device, flags.size * chunks, minimum(chunk, width),
               CopyWhere<T, std::remove_cv_t<std::remove_pointer_t<decltype(flag)>>>{
                   flag, from.as<T>(), to.as<T>(), width, chunks});
    };
    flags.dtype == DType::int32 ? copy(flags.as<std::int32_t>()) : copy(flags.as<T>());
  });
}

void judge_line_search(const Array& squares, const LineSearch& search) {
  dispatch_real(squares.dtype, "judge_line_search", [&](auto zero) {
    using T = decltype(zero);
    each(squares.device, squares.size,
         JudgeLineSearch<T>{squares.as<T>(), search.start.as<T>(), search.scale.as<T>(),
                            search.last_scale.as<T>(), search.last_squares.as<T>(), search.taken.as<T>()});
  });
}

Index count_running(const RootState& state) {
  std::vector<std::int32_t> status(std::size_t(state.status.size));
  copy_bytes(status.data(), Device::cpu, state.status.data, state.status.device,
             status.size() * sizeof(std::int32_t));
  return Index(std::count(status.begin(), status.end(), std::int32_t(SampleStatus::running)));
}

void broyden_update(const BroydenStep& step, Index u_stride, const Array& u, const Array& next_p) {
  dispatch_real(step.q.dtype, "broyden_update", [&](auto zero) {
    using T = decltype(zero);
    const Index samples = step.along.size, width = step.q.size / samples;
    const Index chunks = (width + chunk - 1) / chunk;
    const T* const taken = step.taken.data == nullptr ? nullptr : step.taken.as<T>();
    each_row(step.q.device, samples * chunks, minimum(chunk, width),
             BroydenUpdate<T>{step.p.as<T>(), step.q.as<T>(), step.along.as<T>(), step.length.as<T>(), taken,
                              u.as<T>(), next_p.as<T>(), width, chunks, u_stride});
  });
}

void anderson_weights(const Array& gram, const AndersonSystem& s, const Array& alpha) {
  require(s.count <= most_anderson_rows, "anderson: given a memory of ", s.count,
          " iterates, expected at most ", most_anderson_rows, ", choose a smaller one");
  dispatch_real(gram.dtype, "anderson_weights", [&](auto zero) {
    using T = decltype(zero);
    each(gram.device, s.samples,
         AndersonWeights<T>{gram.as<T>(), alpha.as<T>(), s.capacity, s.count, s.newest, s.regularisation,
                            s.relative});
  });
}

void set_gram_row(const Array& products, const AndersonSystem& s, Index slot, const Array& gram) {
  dispatch_real(gram.dtype, "set_gram_row", [&](auto zero) {
    using T = decltype(zero);
    each(gram.device, products.size,
         SetGramRow<T>{products.as<T>(), gram.as<T>(), s.capacity, s.count, slot});
  });
}

}  // namespace stillpoint::kernels
