// Implements cuBLAS's operations on vectors, and those on matrices that are no plain product.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "libraries/cublas.h"

namespace simt {
namespace {

template <class T>
constexpr cudaDataType type_of = sizeof(T) == 8 ? CUDA_R_64F : CUDA_R_32F;

// A vector of n elements at a stride; a negative one starts at the end, as in BLAS.
template <class T>
struct Vector {
  T* data;
  std::int64_t n, stride;
  std::int64_t at(std::int64_t i) const { return stride >= 0 ? i * stride : (i - n + 1) * stride; }
  T& operator[](std::int64_t i) const { return data[at(i)]; }
  Matrix matrix() const {
    const std::int64_t step = std::abs(stride);
    if (step == 1) return {data, type_of<T>, n, 1, n, false};
    return {data, type_of<T>, 1, n, step, false};
  }
};

template <class T>
Matrix dense(const T* data, std::int64_t rows, std::int64_t cols, std::int64_t ld) {
  return {data, type_of<T>, rows, cols, ld, false};
}

// Checks the handle and queues the work.
template <class Work>
cublasStatus_t queue(cublasHandle_t handle, const char* name, bool valid, Work work, const ApiCall& call) {
  if (const auto status = check_handle(handle); status != CUBLAS_STATUS_SUCCESS)
    return status_of(status, "", call);
  if (!valid) return status_of(CUBLAS_STATUS_INVALID_VALUE, "", call);
  log_library_call(name);
  enqueue(handle->stream, {.kind = Piece::Kind::library, .name = name},
          [work, name, workspace = handle->workspace, bytes = handle->workspace_bytes] {
            use_workspace(workspace, bytes, name);
            work();
          });
  return CUBLAS_STATUS_SUCCESS;
}

// A scalar of a call: its value, or where it is on the device.
template <class T>
struct Scalar {
  cublasPointerMode_t mode;
  const T* at;
  T value;
  const char *call, *argument;

  Scalar(cublasHandle_t handle, const T* pointer, const char* call_name, const char* name)
      : mode(), at(pointer), value(), call(call_name), argument(name) {
    if (check_handle(handle) != CUBLAS_STATUS_SUCCESS || pointer == nullptr) return;
    mode = handle->pointers;
    require_scalar(handle, pointer, call_name, name);
    if (mode == CUBLAS_POINTER_MODE_HOST) value = *pointer;
  }
  T get() const {
    return mode == CUBLAS_POINTER_MODE_HOST ? value : T(scalar(mode, at, type_of<T>, call, argument));
  }
};

// Queues a call that computes one number. If the pointer mode is the host's, the call waits for it.
template <class R, class Compute>
cublasStatus_t reduce(cublasHandle_t handle, const char* name, R* result, Compute compute,
                      const ApiCall& call) {
  const auto status = check_handle(handle);
  if (status != CUBLAS_STATUS_SUCCESS || result == nullptr)
    return queue(
        handle, name, result != nullptr, [] {}, call);
  require_scalar(handle, result, name, "result");
  const bool waits = handle->pointers == CUBLAS_POINTER_MODE_HOST;
  if (waits && refuse_where_captured(handle->stream) != cudaSuccess)
    return status_of(CUBLAS_STATUS_EXECUTION_FAILED, "a result on the host waits for the captured stream",
                     call);
  const auto queued = queue(
      handle, name, true,
      [=] {
        const R value = compute();
        if (!waits)
          write_matrix({result, sizeof(R) == 8 ? CUDA_R_64F : CUDA_R_32F, 1, 1, 1, false}, name, "result");
        *result = value;
      },
      call);
  if (waits && queued == CUBLAS_STATUS_SUCCESS) finish_stream(handle->stream);
  return queued;
}

// Copies rows of bytes between host and device.
cublasStatus_t transfer(int rows, int cols, int bytes, const void* from, int from_ld, void* to, int to_ld,
                        cudaMemcpyKind kind, const ApiCall& call) {
  if (rows < 0 || cols < 0 || bytes <= 0 || from_ld < rows || to_ld < rows)
    return status_of(CUBLAS_STATUS_INVALID_VALUE, "", call);
  for (int col = 0; col < cols; ++col) {
    const auto error =
        cudaMemcpy(static_cast<char*>(to) + std::size_t(col) * std::size_t(to_ld * bytes),
                   static_cast<const char*>(from) + std::size_t(col) * std::size_t(from_ld * bytes),
                   std::size_t(rows * bytes), kind);
    if (error != cudaSuccess) return status_of(CUBLAS_STATUS_MAPPING_ERROR, "", call);
  }
  return CUBLAS_STATUS_SUCCESS;
}

template <class T>
struct Solve {
  bool left, upper, transposed, unit;
  std::int64_t m, n;
  Scalar<T> alpha;
  const T* a;
  std::int64_t lda;
  T* b;
  std::int64_t ldb;

  // op(A)(i, j), whose triangle is below the diagonal or above it.
  T element(std::int64_t i, std::int64_t j) const {
    if (i == j && unit) return T(1);
    const bool in_upper = transposed ? i > j : i < j;
    if (i != j && in_upper != upper) return T(0);
    return transposed ? a[j + i * lda] : a[i + j * lda];
  }
  // Solves op(A) x = alpha b for a column, or x op(A) = alpha b for a row.
  void line(std::int64_t index) const {
    const std::int64_t size = left ? m : n;
    const auto at = [&](std::int64_t i) -> T& { return left ? b[i + index * ldb] : b[index + i * ldb]; };
    const auto factor = [&](std::int64_t i, std::int64_t j) { return left ? element(i, j) : element(j, i); };
    const bool backward = (upper != transposed) == left;
    for (std::int64_t step = 0; step < size; ++step) {
      const std::int64_t i = backward ? size - 1 - step : step;
      T sum = alpha.get() * at(i);
      for (std::int64_t done = 0; done < step; ++done) {
        const std::int64_t j = backward ? size - 1 - done : done;
        sum -= factor(i, j) * at(j);
      }
      at(i) = sum / factor(i, i);
    }
  }
};

template <class T>
void add_matrices(const char* name, const Matrix& a, const Matrix& b, T alpha, T beta, T* c, std::int64_t m,
                  std::int64_t n, std::int64_t ldc) {
  if (alpha != 0) read_matrix(a, name, "A");
  if (beta != 0) read_matrix(b, name, "B");
  write_matrix(dense(c, m, n, ldc), name, "C");
  std::vector<T> sum(std::size_t(m * n), T(0));
  const auto add = [&](const Matrix& x, T factor) {
    if (factor == 0) return;
    const auto values = pack<T>(x, m, n, Rounding::none);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += factor * values[i];
  };
  add(a, alpha);
  add(b, beta);
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < m; ++i) c[i + j * ldc] = sum[std::size_t(i + j * m)];
}

}  // namespace
}  // namespace simt

using namespace simt;

#define SIMT_HERE ApiCall::current()
#define SIMT_VECTORS(S, s, T)                                                                               \
  cublasStatus_t cublas##S##axpy(cublasHandle_t handle, int n, const T* alpha, const T* x, int incx, T* y,  \
                                 int incy) {                                                                \
    const char* const name = "cublas" #S "axpy";                                                            \
    const Scalar<T> factor(handle, alpha, name, "alpha");                                                   \
    const Vector<const T> from{x, n, incx};                                                                 \
    const Vector<T> to{y, n, incy};                                                                         \
    return queue(                                                                                           \
        handle, name, alpha && x && y,                                                                      \
        [=] {                                                                                               \
          read_matrix(from.matrix(), name, "x");                                                            \
          read_matrix(to.matrix(), name, "y");                                                              \
          write_matrix(to.matrix(), name, "y");                                                             \
          const T a = factor.get();                                                                         \
          for (int i = 0; i < n; ++i) to[i] += a * from[i];                                                 \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  cublasStatus_t cublas##S##scal(cublasHandle_t handle, int n, const T* alpha, T* x, int incx) {            \
    const char* const name = "cublas" #S "scal";                                                            \
    const Scalar<T> factor(handle, alpha, name, "alpha");                                                   \
    const Vector<T> to{x, n, incx};                                                                         \
    return queue(                                                                                           \
        handle, name, alpha && x,                                                                           \
        [=] {                                                                                               \
          read_matrix(to.matrix(), name, "x");                                                              \
          write_matrix(to.matrix(), name, "x");                                                             \
          const T a = factor.get();                                                                         \
          for (int i = 0; i < n; ++i) to[i] *= a;                                                           \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  cublasStatus_t cublas##S##copy(cublasHandle_t handle, int n, const T* x, int incx, T* y, int incy) {      \
    const char* const name = "cublas" #S "copy";                                                            \
    const Vector<const T> from{x, n, incx};                                                                 \
    const Vector<T> to{y, n, incy};                                                                         \
    return queue(                                                                                           \
        handle, name, x && y,                                                                               \
        [=] {                                                                                               \
          read_matrix(from.matrix(), name, "x");                                                            \
          write_matrix(to.matrix(), name, "y");                                                             \
          for (int i = 0; i < n; ++i) to[i] = from[i];                                                      \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  cublasStatus_t cublas##S##swap(cublasHandle_t handle, int n, T* x, int incx, T* y, int incy) {            \
    const char* const name = "cublas" #S "swap";                                                            \
    const Vector<T> a{x, n, incx}, b{y, n, incy};                                                           \
    return queue(                                                                                           \
        handle, name, x && y,                                                                               \
        [=] {                                                                                               \
          read_matrix(a.matrix(), name, "x");                                                               \
          read_matrix(b.matrix(), name, "y");                                                               \
          write_matrix(a.matrix(), name, "x");                                                              \
          write_matrix(b.matrix(), name, "y");                                                              \
          for (int i = 0; i < n; ++i) std::swap(a[i], b[i]);                                                \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  cublasStatus_t cublas##S##dot(cublasHandle_t handle, int n, const T* x, int incx, const T* y, int incy,   \
                                T* result) {                                                                \
    const char* const name = "cublas" #S "dot";                                                             \
    const Vector<const T> a{x, n, incx}, b{y, n, incy};                                                     \
    return reduce(                                                                                          \
        handle, name, result,                                                                               \
        [=] {                                                                                               \
          read_matrix(a.matrix(), name, "x");                                                               \
          read_matrix(b.matrix(), name, "y");                                                               \
          T sum = 0;                                                                                        \
          for (int i = 0; i < n; ++i) sum += a[i] * b[i];                                                   \
          return sum;                                                                                       \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  cublasStatus_t cublas##S##nrm2(cublasHandle_t handle, int n, const T* x, int incx, T* result) {           \
    const char* const name = "cublas" #S "nrm2";                                                            \
    const Vector<const T> a{x, n, incx};                                                                    \
    return reduce(                                                                                          \
        handle, name, result,                                                                               \
        [=] {                                                                                               \
          read_matrix(a.matrix(), name, "x");                                                               \
          double sum = 0;                                                                                   \
          for (int i = 0; i < n; ++i) sum += double(a[i]) * double(a[i]);                                   \
          return T(std::sqrt(sum));                                                                         \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  cublasStatus_t cublas##S##asum(cublasHandle_t handle, int n, const T* x, int incx, T* result) {           \
    const char* const name = "cublas" #S "asum";                                                            \
    const Vector<const T> a{x, n, incx};                                                                    \
    return reduce(                                                                                          \
        handle, name, result,                                                                               \
        [=] {                                                                                               \
          read_matrix(a.matrix(), name, "x");                                                               \
          T sum = 0;                                                                                        \
          for (int i = 0; i < n; ++i) sum += std::abs(a[i]);                                                \
          return sum;                                                                                       \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  static cublasStatus_t s##extreme(cublasHandle_t handle, const char* name, int n, const T* x, int incx,    \
                                   int* result, bool largest, const ApiCall& call) {                        \
    const Vector<const T> a{x, n, incx};                                                                    \
    return reduce(                                                                                          \
        handle, name, result,                                                                               \
        [=] {                                                                                               \
          read_matrix(a.matrix(), name, "x");                                                               \
          int best = 0;                                                                                     \
          for (int i = 1; i < n; ++i) {                                                                     \
            const T now = std::abs(a[i]), before = std::abs(a[best]);                                       \
            if (largest ? now > before : now < before) best = i;                                            \
          }                                                                                                 \
          return n > 0 ? best + 1 : 0;                                                                      \
        },                                                                                                  \
        call);                                                                                              \
  }                                                                                                         \
  cublasStatus_t cublasI##s##amax(cublasHandle_t handle, int n, const T* x, int incx, int* result) {        \
    return s##extreme(handle, "cublasI" #s "amax", n, x, incx, result, true, SIMT_HERE);                    \
  }                                                                                                         \
  cublasStatus_t cublasI##s##amin(cublasHandle_t handle, int n, const T* x, int incx, int* result) {        \
    return s##extreme(handle, "cublasI" #s "amin", n, x, incx, result, false, SIMT_HERE);                   \
  }                                                                                                         \
  cublasStatus_t cublas##S##gemv(cublasHandle_t handle, cublasOperation_t trans, int m, int n,              \
                                 const T* alpha, const T* A, int lda, const T* x, int incx, const T* beta,  \
                                 T* y, int incy) {                                                          \
    const char* const name = "cublas" #S "gemv";                                                            \
    const Scalar<T> a(handle, alpha, name, "alpha"), b(handle, beta, name, "beta");                         \
    const bool flipped = trans != CUBLAS_OP_N;                                                              \
    const Vector<const T> from{x, flipped ? m : n, incx};                                                   \
    const Vector<T> to{y, flipped ? n : m, incy};                                                           \
    const bool valid = alpha && beta && m >= 0 && n >= 0 && lda >= std::max(1, m) && is_operation(trans);   \
    return queue(                                                                                           \
        handle, name, valid,                                                                                \
        [=] {                                                                                               \
          require_apart(to.matrix(), from.matrix(), name, "x");                                             \
          read_matrix(dense(A, m, n, lda), name, "A");                                                      \
          read_matrix(from.matrix(), name, "x");                                                            \
          if (b.get() != 0) read_matrix(to.matrix(), name, "y");                                            \
          write_matrix(to.matrix(), name, "y");                                                             \
          for (std::int64_t i = 0; i < to.n; ++i) {                                                         \
            T sum = 0;                                                                                      \
            for (std::int64_t j = 0; j < from.n; ++j)                                                       \
              sum += (flipped ? A[j + i * lda] : A[i + j * lda]) * from[j];                                 \
            to[i] = a.get() * sum + (b.get() == 0 ? T(0) : b.get() * to[i]);                                \
          }                                                                                                 \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  cublasStatus_t cublas##S##ger(cublasHandle_t handle, int m, int n, const T* alpha, const T* x, int incx,  \
                                const T* y, int incy, T* A, int lda) {                                      \
    const char* const name = "cublas" #S "ger";                                                             \
    const Scalar<T> a(handle, alpha, name, "alpha");                                                        \
    const Vector<const T> left{x, m, incx}, right{y, n, incy};                                              \
    return queue(                                                                                           \
        handle, name, alpha && lda >= std::max(1, m),                                                       \
        [=] {                                                                                               \
          read_matrix(left.matrix(), name, "x");                                                            \
          read_matrix(right.matrix(), name, "y");                                                           \
          read_matrix(dense(A, m, n, lda), name, "A");                                                      \
          write_matrix(dense(A, m, n, lda), name, "A");                                                     \
          for (std::int64_t j = 0; j < n; ++j)                                                              \
            for (std::int64_t i = 0; i < m; ++i) A[i + j * lda] += a.get() * left[i] * right[j];            \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  cublasStatus_t cublas##S##geam(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, \
                                 int m, int n, const T* alpha, const T* A, int lda, const T* beta,          \
                                 const T* B, int ldb, T* C, int ldc) {                                      \
    const char* const name = "cublas" #S "geam";                                                            \
    const Scalar<T> a(handle, alpha, name, "alpha"), b(handle, beta, name, "beta");                         \
    const bool ta = transa != CUBLAS_OP_N, tb = transb != CUBLAS_OP_N;                                      \
    const Matrix left{A, type_of<T>, ta ? n : m, ta ? m : n, lda, ta};                                      \
    const Matrix right{B, type_of<T>, tb ? n : m, tb ? m : n, ldb, tb};                                     \
    const bool valid = alpha && beta && lda >= left.rows && ldb >= right.rows && ldc >= m;                  \
    return queue(                                                                                           \
        handle, name, valid, [=] { add_matrices<T>(name, left, right, a.get(), b.get(), C, m, n, ldc); },   \
        SIMT_HERE);                                                                                         \
  }                                                                                                         \
  cublasStatus_t cublas##S##trsm(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,       \
                                 cublasOperation_t trans, cublasDiagType_t diag, int m, int n,              \
                                 const T* alpha, const T* A, int lda, T* B, int ldb) {                      \
    const char* const name = "cublas" #S "trsm";                                                            \
    const bool left = side == CUBLAS_SIDE_LEFT;                                                             \
    const int size = left ? m : n;                                                                          \
    const Solve<T> solve{left,                                                                              \
                         uplo == CUBLAS_FILL_MODE_UPPER,                                                    \
                         trans != CUBLAS_OP_N,                                                              \
                         diag == CUBLAS_DIAG_UNIT,                                                          \
                         m,                                                                                 \
                         n,                                                                                 \
                         Scalar<T>(handle, alpha, name, "alpha"),                                           \
                         A,                                                                                 \
                         lda,                                                                               \
                         B,                                                                                 \
                         ldb};                                                                              \
    return queue(                                                                                           \
        handle, name, alpha && lda >= size && ldb >= m,                                                     \
        [=] {                                                                                               \
          for (std::int64_t j = 0; j < size; ++j) {                                                         \
            const std::int64_t first = solve.upper ? 0 : j, last = solve.upper ? j + 1 : size;              \
            read_matrix(dense(A + first + j * lda, last - first, 1, last - first), name, "A");              \
          }                                                                                                 \
          read_matrix(dense(B, m, n, ldb), name, "B");                                                      \
          write_matrix(dense(B, m, n, ldb), name, "B");                                                     \
          for (std::int64_t line = 0; line < (left ? n : m); ++line) solve.line(line);                      \
        },                                                                                                  \
        SIMT_HERE);                                                                                         \
  }
SIMT_VECTORS(S, s, float)
SIMT_VECTORS(D, d, double)

cublasStatus_t cublasSetVector(int n, int bytes, const void* x, int incx, void* y, int incy) {
  return transfer(1, n, bytes, x, incx, y, incy, cudaMemcpyHostToDevice, SIMT_HERE);
}
cublasStatus_t cublasGetVector(int n, int bytes, const void* x, int incx, void* y, int incy) {
  return transfer(1, n, bytes, x, incx, y, incy, cudaMemcpyDeviceToHost, SIMT_HERE);
}
cublasStatus_t cublasSetMatrix(int rows, int cols, int bytes, const void* A, int lda, void* B, int ldb) {
  return transfer(rows, cols, bytes, A, lda, B, ldb, cudaMemcpyHostToDevice, SIMT_HERE);
}
cublasStatus_t cublasGetMatrix(int rows, int cols, int bytes, const void* A, int lda, void* B, int ldb) {
  return transfer(rows, cols, bytes, A, lda, B, ldb, cudaMemcpyDeviceToHost, SIMT_HERE);
}
