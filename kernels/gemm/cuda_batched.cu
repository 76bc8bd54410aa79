// Batched products by cuBLAS; row-major by exchanging the operands.
#include "kernels/gemm/gemm_batched.h"

#include <climits>

#include "kernels/device/cuda.h"

namespace stillpoint::kernels {
namespace {

int narrow(Index extent) {
  require(extent <= INT_MAX, "gemm_batched: given an extent of ", extent, ", expected at most ", INT_MAX,
          ", use a smaller batch");
  return int(extent);
}

cublasOperation_t operation(bool transposed) { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; }

}  // namespace

void gemm_batched_cuda(const BatchedGemm& g, const Array& a, const Array& b, const Array& c) {
  const GemmShape& s = g.shape;
  const int m = narrow(s.m), n = narrow(s.n), k = narrow(s.k), batch = narrow(g.batch);
  const int lda = s.transpose_a ? m : k, ldb = s.transpose_b ? k : n;
  dispatch_real(c.dtype, "gemm_batched", [&](auto zero) {
    using T = decltype(zero);
    const T alpha = 1, beta = s.accumulate ? T(1) : T(0);
    const auto call = [&](auto* product) {
      return product(cuda::queue().blas, operation(s.transpose_b), operation(s.transpose_a), n, m, k, &alpha,
                     b.as<T>(), ldb, g.stride_b, a.as<T>(), lda, g.stride_a, &beta, c.as<T>(), n, g.stride_c,
                     batch);
    };
    if constexpr (std::is_same_v<T, float>)
      STILLPOINT_CUDA_CHECK(call(cublasSgemmStridedBatched));
    else
      STILLPOINT_CUDA_CHECK(call(cublasDgemmStridedBatched));
  });
}

}  // namespace stillpoint::kernels
