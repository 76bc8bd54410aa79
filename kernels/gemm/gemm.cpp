// Chooses the library for a matrix product by the device of its operands.
#include "kernels/gemm/gemm.h"

#include "kernels/gemm/gemm_cpu.h"
#if STILLPOINT_CUDA
#include "kernels/gemm/gemm_cuda.h"
#endif

namespace stillpoint::kernels {
namespace {

void check_operand(const char* where, const char* name, const Array& array, std::int64_t size,
                   const Array& like) {
  require(array.size == size, where, ": ", name, " has ", array.size, " elements, expected ", size,
          ", check the shapes");
  require(array.dtype == like.dtype && array.device == like.device, where, ": ", name, " is ",
          name_of(array.dtype), " on ", name_of(array.device), ", expected ", name_of(like.dtype), " on ",
          name_of(like.device), ", convert it first");
}

}  // namespace

void gemm(const GemmShape& s, const Array& a, const Array& b, const Array& c) {
  check_operand("gemm", "a", a, s.m * s.k, c);
  check_operand("gemm", "b", b, s.k * s.n, c);
  check_operand("gemm", "c", c, s.m * s.n, c);
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

void linear(const LinearShape& s, const Array& x, const Array& w, const Array& b, const Array& y) {
  check_operand("linear", "x", x, s.rows * s.in, y);
  check_operand("linear", "w", w, s.out * s.in, y);
  if (b.data != nullptr) check_operand("linear", "b", b, s.out, y);
  check_operand("linear", "y", y, s.rows * s.out, y);
  if (s.rows == 0 || s.out == 0) return;
#if STILLPOINT_CUDA
  if (y.device == Device::cuda) return linear_cuda(s, x, w, b, y);
#endif
  linear_cpu(s, x, w, b, y);
}

}  // namespace stillpoint::kernels
