// Gauss-Jordan elimination on the CPU: one thread per matrix, rows as SIMD vectors.
#include "kernels/monotone/complex_inverse.h"

#include "kernels/host/pool.h"

namespace stillpoint::kernels {
namespace {

constexpr Index threaded_from = 1 << 18;  // multiply-adds that pay for a second thread

// row -= f * pivot for complex rows, which do not overlap.
template <class T>
void eliminate(Index n, T fr, T fi, const T* pr, const T* pi, T* __restrict rr, T* __restrict ri) {
#pragma GCC ivdep
  for (Index j = 0; j < n; ++j) {
    rr[j] -= fr * pr[j] - fi * pi[j];
    ri[j] -= fr * pi[j] + fi * pr[j];
  }
}

template <class T>
void invert(Index n, T* re, T* im) {
  for (Index k = 0; k < n; ++k) {
    T *const pr = re + k * n, *const pi = im + k * n;
    const T scale = T(1) / (pr[k] * pr[k] + pi[k] * pi[k]), dr = pr[k] * scale, di = -pi[k] * scale;
    pr[k] = T(1);
    pi[k] = T(0);
    for (Index j = 0; j < n; ++j) {
      const T x = pr[j];
      pr[j] = x * dr - pi[j] * di;
      pi[j] = x * di + pi[j] * dr;
    }
    for (Index i = 0; i < n; ++i) {
      if (i == k) continue;
      T *const rr = re + i * n, *const ri = im + i * n;
      const T fr = rr[k], fi = ri[k];
      rr[k] = ri[k] = T(0);
      eliminate(n, fr, fi, pr, pi, rr, ri);
    }
  }
}

}  // namespace

void complex_inverse(Index n, const Array& m) {
  require(n > 0 && m.size % (2 * n * n) == 0, "complex_inverse: given ", m.size, " elements and n ", n,
          ", expected (batch,2,n,n), check the sizes");
#if STILLPOINT_CUDA
  if (m.device == Device::cuda) return complex_inverse_cuda(n, m);
#endif
  dispatch_real(m.dtype, "complex_inverse", [&](auto zero) {
    using T = decltype(zero);
    T* const first = m.as<T>();
    const Index batch = m.size / (2 * n * n);
    parallel_ranges(batch, 1, m.size * n >= threaded_from, [&](Index begin, Index end) {
      for (Index b = begin; b < end; ++b) invert(n, first + 2 * b * n * n, first + (2 * b + 1) * n * n);
    });
  });
}

}  // namespace stillpoint::kernels
