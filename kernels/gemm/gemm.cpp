// Chooses the library for a matrix product by the device of its operands.
#include "kernels/gemm/gemm.h"

#include "kernels/gemm/gemm_cpu.h"
#include "kernels/gemm/linear_sum.h"
#if STILLPOINT_CUDA
#include "kernels/gemm/gemm_cuda.h"
#endif

namespace stillpoint::kernels {

void gemm(const GemmShape& s, const Array& a, const Array& b, const Array& c) {
  if (s.m == 0 || s.n == 0) return;
  if (s.k == 0) {
    if (!s.accumulate) zero_bytes(c.data, c.device, std::size_t(c.size * size_of(c.dtype)));
    return;
  }
#if STILLPOINT_CUDA
  if (c.device == Device::cuda) return gemm_cuda(s, a, b, c);
#endif
  gemm_cpu(s, a, b, c);
}

void linear(const LinearShape& s, const Array& x, const Array& w, const LinearTerms& terms, const Array& y) {
  if (s.rows == 0 || s.out == 0) return;
#if STILLPOINT_CUDA
  if (y.device == Device::cuda) return linear_cuda(s, x, w, terms, y);
#endif
  linear_cpu(s, x, w, terms, y);
}

void linear(const LinearShape& s, const Array& x, const Array& w, const Array& b, const Array& y) {
  linear(s, x, w, LinearTerms{.b = b}, y);
}

}  // namespace stillpoint::kernels
