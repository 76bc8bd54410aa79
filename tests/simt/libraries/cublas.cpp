// Checks the arguments of cuBLAS's matrix products and computes them.
#include <algorithm>

#include "libraries/cublas.h"

namespace simt {
namespace {

struct Side {
  cublasOperation_t operation;
  const void* data;
  cudaDataType type;
  std::int64_t ld, stride;
};

struct Gemm {
  const char* name;
  std::int64_t m, n, k, batch;
  double alpha = 0, beta = 0;
  Side a, b;
  void* c;
  cudaDataType c_type;
  std::int64_t ldc, stride_c;
  cublasComputeType_t compute;
  Rounding rounding = Rounding::none;
};

Matrix stored(const Side& side, std::int64_t rows, std::int64_t cols) {
  const bool transposed = side.operation != CUBLAS_OP_N;
  return {side.data, side.type, transposed ? cols : rows, transposed ? rows : cols, side.ld, transposed};
}

bool is_double(const Gemm& g) {
  return g.compute == CUBLAS_COMPUTE_64F || g.compute == CUBLAS_COMPUTE_64F_PEDANTIC;
}

bool is_supported(const Gemm& g) {
  if (g.a.type != g.b.type) return false;
  if (is_double(g)) return g.a.type == CUDA_R_64F && g.c_type == CUDA_R_64F;
  if (g.a.type == CUDA_R_32F) return g.c_type == CUDA_R_32F;
  const bool plain = g.compute == CUBLAS_COMPUTE_32F || g.compute == CUBLAS_COMPUTE_32F_PEDANTIC;
  return plain && g.a.type == CUDA_R_16BF && (g.c_type == CUDA_R_32F || g.c_type == CUDA_R_16BF);
}

cublasStatus_t check(const Gemm& g, const void* alpha, const void* beta) {
  if (!is_operation(g.a.operation) || !is_operation(g.b.operation)) return CUBLAS_STATUS_INVALID_VALUE;
  if (g.m < 0 || g.n < 0 || g.k < 0 || g.batch < 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (alpha == nullptr || beta == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const auto rows_a = stored(g.a, g.m, g.k).rows, rows_b = stored(g.b, g.k, g.n).rows;
  const bool leading = g.a.ld >= std::max<std::int64_t>(1, rows_a) &&
                       g.b.ld >= std::max<std::int64_t>(1, rows_b) && g.ldc >= std::max<std::int64_t>(1, g.m);
  if (!leading) return CUBLAS_STATUS_INVALID_VALUE;
  return is_supported(g) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

// Multiplies. C is not read if beta is 0; A and B are not read if alpha is 0.
template <class T>
void product(const Gemm& g) {
  for (std::int64_t i = 0; i < g.batch; ++i) {
    Matrix a = stored(g.a, g.m, g.k), b = stored(g.b, g.k, g.n);
    a.data = offset(a.data, a.type, i * g.a.stride);
    b.data = offset(b.data, b.type, i * g.b.stride);
    void* c = const_cast<void*>(offset(g.c, g.c_type, i * g.stride_c));
    const Matrix target{c, g.c_type, g.m, g.n, g.ldc, false};
    const std::int64_t depth = g.alpha == 0 ? 0 : g.k;
    require_apart(target, a, g.name, "A");
    require_apart(target, b, g.name, "B");
    if (depth > 0) read_matrix(a, g.name, "A");
    if (depth > 0) read_matrix(b, g.name, "B");
    if (g.beta != 0) read_matrix(target, g.name, "C");
    write_matrix(target, g.name, "C");
    const auto sums = multiply<T>(g.m, g.n, depth, a, b, g.rounding);
    for (std::int64_t col = 0; col < g.n; ++col)
      for (std::int64_t row = 0; row < g.m; ++row) {
        T value = T(g.alpha) * sums[std::size_t(row + col * g.m)];
        if (g.beta != 0) value += T(g.beta) * T(load(c, g.c_type, row + col * g.ldc));
        store(c, g.c_type, row + col * g.ldc, double(value));
      }
  }
}

// The pointer mode and the scalars' values, or where they are on the device.
struct Scalars {
  cublasPointerMode_t mode;
  const void *alpha, *beta;
  double host_alpha, host_beta;
};

void perform(Gemm g, const Scalars& s) {
  const cudaDataType type = is_double(g) ? CUDA_R_64F : CUDA_R_32F;
  const bool device = s.mode == CUBLAS_POINTER_MODE_DEVICE;
  g.alpha = device ? scalar(s.mode, s.alpha, type, g.name, "alpha") : s.host_alpha;
  g.beta = device ? scalar(s.mode, s.beta, type, g.name, "beta") : s.host_beta;
  is_double(g) ? product<double>(g) : product<float>(g);
}

cublasStatus_t gemm(cublasHandle_t handle, Gemm g, const void* alpha, const void* beta, const ApiCall& call) {
  if (const auto status = check_handle(handle); status != CUBLAS_STATUS_SUCCESS)
    return status_of(status, "", call);
  if (const auto status = check(g, alpha, beta); status != CUBLAS_STATUS_SUCCESS)
    return status_of(status, "", call);
  if (g.m == 0 || g.n == 0 || g.batch == 0) return CUBLAS_STATUS_SUCCESS;
  require_scalar(handle, alpha, g.name, "alpha");
  require_scalar(handle, beta, g.name, "beta");
  const cudaDataType scale = is_double(g) ? CUDA_R_64F : CUDA_R_32F;
  Scalars scalars{handle->pointers, alpha, beta, 0, 0};
  if (handle->pointers == CUBLAS_POINTER_MODE_HOST) {
    scalars.host_alpha = load(alpha, scale, 0);
    scalars.host_beta = load(beta, scale, 0);
  }
  const bool fast_math = handle->math == CUBLAS_TF32_TENSOR_OP_MATH && g.compute == CUBLAS_COMPUTE_32F;
  if (g.a.type == CUDA_R_32F && (fast_math || g.compute == CUBLAS_COMPUTE_32F_FAST_TF32))
    g.rounding = Rounding::tf32;
  if (g.compute == CUBLAS_COMPUTE_32F_FAST_16BF) g.rounding = Rounding::bf16;
  log_library_call(g.name);
  Piece piece = product_piece(g.name, {g.m, g.n, g.k, g.batch}, g.a.type, g.c_type, g.rounding);
  if (scalars.host_beta != 0) piece.bytes += double(g.m * g.n * g.batch) * double(size_of(g.c_type));
  enqueue(handle->stream, std::move(piece),
          [g, scalars, workspace = handle->workspace, bytes = handle->workspace_bytes] {
            use_workspace(workspace, bytes, g.name);
            perform(g, scalars);
          });
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace
}  // namespace simt

using namespace simt;

cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                           int n, int k, const float* alpha, const float* A, int lda, const float* B, int ldb,
                           const float* beta, float* C, int ldc) {
  return gemm(handle,
              {"cublasSgemm",
               m,
               n,
               k,
               1,
               0,
               0,
               {transa, A, CUDA_R_32F, lda, 0},
               {transb, B, CUDA_R_32F, ldb, 0},
               C,
               CUDA_R_32F,
               ldc,
               0,
               CUBLAS_COMPUTE_32F},
              alpha, beta, ApiCall::current());
}
cublasStatus_t cublasDgemm(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                           int n, int k, const double* alpha, const double* A, int lda, const double* B,
                           int ldb, const double* beta, double* C, int ldc) {
  return gemm(handle,
              {"cublasDgemm",
               m,
               n,
               k,
               1,
               0,
               0,
               {transa, A, CUDA_R_64F, lda, 0},
               {transb, B, CUDA_R_64F, ldb, 0},
               C,
               CUDA_R_64F,
               ldc,
               0,
               CUBLAS_COMPUTE_64F},
              alpha, beta, ApiCall::current());
}
cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa,
                                         cublasOperation_t transb, int m, int n, int k, const float* alpha,
                                         const float* A, int lda, long long strideA, const float* B, int ldb,
                                         long long strideB, const float* beta, float* C, int ldc,
                                         long long strideC, int batch) {
  return gemm(handle,
              {"cublasSgemmStridedBatched",
               m,
               n,
               k,
               batch,
               0,
               0,
               {transa, A, CUDA_R_32F, lda, strideA},
               {transb, B, CUDA_R_32F, ldb, strideB},
               C,
               CUDA_R_32F,
               ldc,
               strideC,
               CUBLAS_COMPUTE_32F},
              alpha, beta, ApiCall::current());
}
cublasStatus_t cublasDgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa,
                                         cublasOperation_t transb, int m, int n, int k, const double* alpha,
                                         const double* A, int lda, long long strideA, const double* B,
                                         int ldb, long long strideB, const double* beta, double* C, int ldc,
                                         long long strideC, int batch) {
  return gemm(handle,
              {"cublasDgemmStridedBatched",
               m,
               n,
               k,
               batch,
               0,
               0,
               {transa, A, CUDA_R_64F, lda, strideA},
               {transb, B, CUDA_R_64F, ldb, strideB},
               C,
               CUDA_R_64F,
               ldc,
               strideC,
               CUBLAS_COMPUTE_64F},
              alpha, beta, ApiCall::current());
}
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                            int n, int k, const void* alpha, const void* A, cudaDataType Atype, int lda,
                            const void* B, cudaDataType Btype, int ldb, const void* beta, void* C,
                            cudaDataType Ctype, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t) {
  return gemm(handle,
              {"cublasGemmEx",
               m,
               n,
               k,
               1,
               0,
               0,
               {transa, A, Atype, lda, 0},
               {transb, B, Btype, ldb, 0},
               C,
               Ctype,
               ldc,
               0,
               compute},
              alpha, beta, ApiCall::current());
}
cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa,
                                          cublasOperation_t transb, int m, int n, int k, const void* alpha,
                                          const void* A, cudaDataType Atype, int lda, long long strideA,
                                          const void* B, cudaDataType Btype, int ldb, long long strideB,
                                          const void* beta, void* C, cudaDataType Ctype, int ldc,
                                          long long strideC, int batch, cublasComputeType_t compute,
                                          cublasGemmAlgo_t) {
  return gemm(handle,
              {"cublasGemmStridedBatchedEx",
               m,
               n,
               k,
               batch,
               0,
               0,
               {transa, A, Atype, lda, strideA},
               {transb, B, Btype, ldb, strideB},
               C,
               Ctype,
               ldc,
               strideC,
               compute},
              alpha, beta, ApiCall::current());
}
