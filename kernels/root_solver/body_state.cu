// Bodies of the state of an iteration for z = f(z), and of the work of Anderson's method per sample.
#include "kernels/root_solver/root_state.h"

#include <vector>

#include "kernels/launch/launch.h"
#include "kernels/root_solver/sample_judge.h"
#include "kernels/root_solver/solver_chunk.h"

namespace stillpoint::kernels {
namespace {

constexpr Index chunk = solver_chunk;

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
  Index chunks;
  SampleJudge<T> judge;
  template <class Team>
  STILLPOINT_HD void operator()(Index b, Team team) const {
    const T* const s = sums + 2 * b * chunks;
    const T difference = team.template sum<T>(chunks, [=](Index j) { return s[2 * j]; });
    const T value = team.template sum<T>(chunks, [=](Index j) { return s[2 * j + 1]; });
    if (team.leader()) judge(b, difference, value);
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
    const Index samples = state.status.size, width = z.size / samples, chunks = chunks_of(width);
    const Buffer partial(z.device, std::size_t(2 * samples * chunks) * sizeof(T));
    T* const sums = static_cast<T*>(partial.data());
    each_row(z.device, samples * chunks, minimum(chunk, width),
             ResidualSums<T>{z.as<T>(), f.as<T>(), sums, width, chunks});
    each_row(z.device, samples, 2 * chunks, JudgeResidual<T>{sums, chunks, {state, rule, step, trace}});
  });
}

void copy_where(const Array& flags, const Array& from, const Array& to) {
  dispatch_real(from.dtype, "copy_where", [&](auto zero) {
    using T = decltype(zero);
    const Index width = from.size / flags.size, chunks = chunks_of(width);
    const auto copy = [&](const auto* flag) {
      each_row(from.device, flags.size * chunks, minimum(chunk, width),
               CopyWhere<T, std::remove_cv_t<std::remove_pointer_t<decltype(flag)>>>{
                   flag, from.as<T>(), to.as<T>(), width, chunks});
    };
    flags.dtype == DType::int32 ? copy(flags.as<std::int32_t>()) : copy(flags.as<T>());
  });
}

Index count_running(const RootState& state) {
  std::vector<std::int32_t> status(std::size_t(state.status.size));
  copy_bytes(status.data(), Device::cpu, state.status.data, state.status.device,
             status.size() * sizeof(std::int32_t));
  return Index(std::count(status.begin(), status.end(), std::int32_t(SampleStatus::running)));
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
