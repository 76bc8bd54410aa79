// Checks the arguments of cuBLAS's matrix products and computes them.
#include <cublas_v2.h>

#include <algorithm>

#include "libraries/blas.h"
#include "runtime/runtime.h"

struct cublasContext {
  cudaStream_t stream = nullptr;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
};

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

cublasStatus_t gemm(cublasHandle_t handle, Gemm g, const void* alpha, const void* beta) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (const auto status = check(g, alpha, beta); status != CUBLAS_STATUS_SUCCESS) return status;
  if (g.m == 0 || g.n == 0 || g.batch == 0) return CUBLAS_STATUS_SUCCESS;
  const cudaDataType scale = is_double(g) ? CUDA_R_64F : CUDA_R_32F;
  g.alpha = load(alpha, scale, 0);
  g.beta = load(beta, scale, 0);
  const bool fast_math = handle->math == CUBLAS_TF32_TENSOR_OP_MATH && g.compute == CUBLAS_COMPUTE_32F;
  if (g.a.type == CUDA_R_32F && (fast_math || g.compute == CUBLAS_COMPUTE_32F_FAST_TF32))
    g.rounding = Rounding::tf32;
  if (g.compute == CUBLAS_COMPUTE_32F_FAST_16BF) g.rounding = Rounding::bf16;
  log_library_call(g.name);
  Piece piece = product_piece(g.name, {g.m, g.n, g.k, g.batch}, g.a.type, g.c_type, g.rounding);
  if (g.beta != 0) piece.bytes += double(g.m * g.n * g.batch) * double(size_of(g.c_type));
  enqueue(handle->stream, std::move(piece), [g] { is_double(g) ? product<double>(g) : product<float>(g); });
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace
}  // namespace simt

using namespace simt;

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}
const char* cublasGetStatusString(cublasStatus_t status) { return cublasGetStatusName(status); }

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!is_stream(stream)) return CUBLAS_STATUS_INVALID_VALUE;
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t* stream) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (stream == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  *stream = handle->stream;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const int base = int(mode) & ~int(CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
  if (base < CUBLAS_DEFAULT_MATH || base > CUBLAS_TF32_TENSOR_OP_MATH) return CUBLAS_STATUS_INVALID_VALUE;
  handle->math = cublasMath_t(base);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t* mode) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (mode == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  *mode = handle->math;
  return CUBLAS_STATUS_SUCCESS;
}
// Refuses scalars in device memory, which the project does not use.
cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  return mode == CUBLAS_POINTER_MODE_HOST ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t) {
  return handle == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const bool aligned = reinterpret_cast<std::uintptr_t>(workspace) % 256 == 0;
  if (bytes > 0 && (!aligned || !is_inside(workspace, bytes, MemoryKind::device)))
    return CUBLAS_STATUS_INVALID_VALUE;
  return CUBLAS_STATUS_SUCCESS;
}

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
              alpha, beta);
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
              alpha, beta);
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
              alpha, beta);
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
              alpha, beta);
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
              alpha, beta);
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
              alpha, beta);
}
