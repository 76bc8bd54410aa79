// Checks batched products, and computes them on the CPU, where threads share whole products.
#include "kernels/gemm/gemm_batched.h"

#include "kernels/gemm/gemm_cpu.h"
#include "kernels/host/pool.h"

namespace stillpoint::kernels {
namespace {

constexpr Index threaded_from = 1 << 18;  // multiply-adds that pay for a second thread

void check_operand(const char* name, const Array& array, Index extent, Index stride, Index batch,
                   const Array& like) {
  require(stride >= 0 && array.size >= (batch - 1) * stride + extent, "gemm_batched: ", name, " has ",
          array.size, " elements, expected at least ", (batch - 1) * stride + extent, " for ", batch,
          " products ", stride, " apart, check the shapes");
  require(array.dtype == like.dtype && array.device == like.device, "gemm_batched: ", name, " is ",
          name_of(array.dtype), " on ", name_of(array.device), ", expected ", name_of(like.dtype), " on ",
          name_of(like.device), ", convert it first");
}

void product(const HostGemm& g, const float* a, const float* b, float* c) { gemm_float32(g, a, b, c); }
void product(const HostGemm& g, const double* a, const double* b, double* c) { gemm_blocked(g, a, b, c); }

}  // namespace

void gemm_batched(const BatchedGemm& g, const Array& a, const Array& b, const Array& c) {
  const GemmShape& s = g.shape;
  if (g.batch == 0 || s.m == 0 || s.n == 0 || s.k == 0) return;
  check_operand("a", a, s.m * s.k, g.stride_a, g.batch, c);
  check_operand("b", b, s.k * s.n, g.stride_b, g.batch, c);
  check_operand("c", c, s.m * s.n, g.stride_c, g.batch, c);
  require(g.batch == 1 || g.stride_c >= s.m * s.n, "gemm_batched: given results ", g.stride_c,
          " elements apart, expected at least ", s.m * s.n, ", so that none overlaps another");
#if STILLPOINT_CUDA
  if (c.device == Device::cuda) return gemm_batched_cuda(g, a, b, c);
#endif
  dispatch_real(c.dtype, "gemm_batched", [&](auto zero) {
    using T = decltype(zero);
    const HostGemm one{s.transpose_a,
                       s.transpose_b,
                       s.m,
                       s.n,
                       s.k,
                       s.transpose_a ? s.m : s.k,
                       s.transpose_b ? s.k : s.n,
                       s.n,
                       s.accumulate ? 1.0f : 0.0f};
    const T *const first_a = a.as<T>(), *const first_b = b.as<T>();
    T* const first_c = c.as<T>();
    if (g.batch == 1) return product(one, first_a, first_b, first_c);
    parallel_ranges(g.batch, 1, g.batch * s.m * s.n * s.k >= threaded_from, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        product(one, first_a + i * g.stride_a, first_b + i * g.stride_b, first_c + i * g.stride_c);
    });
  });
}

}  // namespace stillpoint::kernels
