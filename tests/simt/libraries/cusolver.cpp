// Implements cuSOLVER's factorisations and solves, column by column.
#include <cusolverDn.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "libraries/cublas.h"
#include "report/ending.h"

struct cusolverDnContext {
  cudaStream_t stream = nullptr;
};

namespace simt {
namespace {

std::set<cusolverDnHandle_t>& handles() {
  static auto* const instance = new std::set<cusolverDnHandle_t>;
  return *instance;
}

cusolverStatus_t status_of(cusolverStatus_t status, const char* call, const char* why) {
  if (status != CUSOLVER_STATUS_SUCCESS)
    report_use(Check::api, std::string(call) + ": status " + std::to_string(int(status)) + ": " + why);
  return status;
}

template <class T>
Matrix dense(const T* data, std::int64_t rows, std::int64_t cols, std::int64_t ld) {
  return {data, sizeof(T) == 8 ? CUDA_R_64F : CUDA_R_32F, rows, cols, ld, false};
}

template <class Work>
cusolverStatus_t queue(cusolverDnHandle_t handle, const char* name, bool valid, Work work) {
  const std::lock_guard lock(runtime_mutex());
  if (!handles().contains(handle))
    return status_of(CUSOLVER_STATUS_NOT_INITIALIZED, name, "the handle does not exist");
  if (!valid)
    return status_of(CUSOLVER_STATUS_INVALID_VALUE, name,
                     "a size, a leading dimension or a pointer is wrong");
  if (refuse_queueing(handle->stream) != cudaSuccess)
    return status_of(CUSOLVER_STATUS_EXECUTION_FAILED, name, "the capture of a stream does not permit it");
  log_library_call(name);
  enqueue(handle->stream, {.kind = Piece::Kind::library, .name = name}, std::move(work));
  return CUSOLVER_STATUS_SUCCESS;
}

template <class T>
struct Square {
  const char* name;
  T* a;
  std::int64_t m, n, ld;
  T& at(std::int64_t i, std::int64_t j) const { return a[i + j * ld]; }
};

template <class T>
void swap_rows(const Square<T>& x, std::int64_t i, std::int64_t j) {
  for (std::int64_t c = 0; i != j && c < x.n; ++c) std::swap(x.at(i, c), x.at(j, c));
}

// PA = LU with partial pivots, which count rows from 1. Without pivots, A = LU.
template <class T>
void factor_lu(const Square<T>& x, int* pivots, int* info) {
  read_matrix(dense(x.a, x.m, x.n, x.ld), x.name, "A");
  write_matrix(dense(x.a, x.m, x.n, x.ld), x.name, "A");
  const std::int64_t size = std::min(x.m, x.n);
  if (pivots != nullptr)
    write_matrix(dense(reinterpret_cast<float*>(pivots), size, 1, size), x.name, "devIpiv");
  write_matrix(dense(reinterpret_cast<float*>(info), 1, 1, 1), x.name, "devInfo");
  *info = 0;
  for (std::int64_t k = 0; k < size; ++k) {
    std::int64_t best = k;
    for (std::int64_t i = k + 1; pivots != nullptr && i < x.m; ++i)
      if (std::abs(x.at(i, k)) > std::abs(x.at(best, k))) best = i;
    if (pivots != nullptr) pivots[k] = int(best) + 1;
    swap_rows(x, k, best);
    if (x.at(k, k) == 0 && *info == 0) *info = int(k) + 1;
    for (std::int64_t i = k + 1; i < x.m; ++i) {
      x.at(i, k) /= x.at(k, k);
      for (std::int64_t j = k + 1; j < x.n; ++j) x.at(i, j) -= x.at(i, k) * x.at(k, j);
    }
  }
}

template <class T>
void factor_cholesky(const Square<T>& x, bool upper, int* info) {
  const auto at = [&](std::int64_t i, std::int64_t j) -> T& { return upper ? x.at(j, i) : x.at(i, j); };
  for (std::int64_t j = 0; j < x.n; ++j) {
    const std::int64_t first = upper ? 0 : j, last = upper ? j + 1 : x.n;
    read_matrix(dense(x.a + first + j * x.ld, last - first, 1, last - first), x.name, "A");
    write_matrix(dense(x.a + first + j * x.ld, last - first, 1, last - first), x.name, "A");
  }
  write_matrix(dense(reinterpret_cast<float*>(info), 1, 1, 1), x.name, "devInfo");
  *info = 0;
  for (std::int64_t j = 0; j < x.n; ++j) {
    T sum = at(j, j);
    for (std::int64_t k = 0; k < j; ++k) sum -= at(j, k) * at(j, k);
    if (!(sum > 0)) {
      *info = int(j) + 1;
      return;
    }
    at(j, j) = std::sqrt(sum);
    for (std::int64_t i = j + 1; i < x.n; ++i) {
      T value = at(i, j);
      for (std::int64_t k = 0; k < j; ++k) value -= at(i, k) * at(j, k);
      at(i, j) = value / at(j, j);
    }
  }
}

// Solves a triangular system in place; `at(i, j)` is its matrix.
template <class T, class At>
void substitute(std::int64_t n, T* b, At at, bool backward, bool unit) {
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t i = backward ? n - 1 - step : step;
    for (std::int64_t done = 0; done < step; ++done) {
      const std::int64_t j = backward ? n - 1 - done : done;
      b[i] -= at(i, j) * b[j];
    }
    if (!unit) b[i] /= at(i, i);
  }
}

template <class T>
void check_solve(const Square<const T>& x, std::int64_t columns, T* b, std::int64_t ldb, int* info) {
  read_matrix(dense(b, x.n, columns, ldb), x.name, "B");
  write_matrix(dense(b, x.n, columns, ldb), x.name, "B");
  write_matrix(dense(reinterpret_cast<float*>(info), 1, 1, 1), x.name, "devInfo");
  *info = 0;
}

template <class T>
void solve_lu(const Square<const T>& x, bool transposed, std::int64_t columns, const int* pivots, T* b,
              std::int64_t ldb, int* info) {
  read_matrix(dense(x.a, x.n, x.n, x.ld), x.name, "A");
  read_matrix(dense(reinterpret_cast<const float*>(pivots), x.n, 1, x.n), x.name, "devIpiv");
  check_solve(x, columns, b, ldb, info);
  const auto plain = [&](std::int64_t i, std::int64_t j) { return x.at(i, j); };
  const auto flipped = [&](std::int64_t i, std::int64_t j) { return x.at(j, i); };
  for (std::int64_t c = 0; c < columns; ++c) {
    T* const column = b + c * ldb;
    if (transposed) {
      substitute(x.n, column, flipped, false, false);
      substitute(x.n, column, flipped, true, true);
      for (std::int64_t i = x.n; i-- > 0;) std::swap(column[i], column[pivots[i] - 1]);
    } else {
      for (std::int64_t i = 0; i < x.n; ++i) std::swap(column[i], column[pivots[i] - 1]);
      substitute(x.n, column, plain, false, true);
      substitute(x.n, column, plain, true, false);
    }
  }
}

template <class T>
void solve_cholesky(const Square<const T>& x, bool upper, std::int64_t columns, T* b, std::int64_t ldb,
                    int* info) {
  for (std::int64_t j = 0; j < x.n; ++j) {
    const std::int64_t first = upper ? 0 : j, last = upper ? j + 1 : x.n;
    read_matrix(dense(x.a + first + j * x.ld, last - first, 1, last - first), x.name, "A");
  }
  check_solve(x, columns, b, ldb, info);
  const auto lower = [&](std::int64_t i, std::int64_t j) { return upper ? x.at(j, i) : x.at(i, j); };
  const auto flipped = [&](std::int64_t i, std::int64_t j) { return lower(j, i); };
  for (std::int64_t c = 0; c < columns; ++c) {
    substitute(x.n, b + c * ldb, lower, false, false);
    substitute(x.n, b + c * ldb, flipped, true, false);
  }
}

}  // namespace
}  // namespace simt

using namespace simt;

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle) {
  if (handle == nullptr) return CUSOLVER_STATUS_INVALID_VALUE;
  if (refuse_unsafe() != cudaSuccess)
    return status_of(CUSOLVER_STATUS_ALLOC_FAILED, "cusolverDnCreate",
                     "the capture of a stream does not permit it");
  *handle = *handles().insert(new cusolverDnContext).first;
  return CUSOLVER_STATUS_SUCCESS;
}
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle) {
  return handles().erase(handle) != 0
             ? CUSOLVER_STATUS_SUCCESS
             : status_of(CUSOLVER_STATUS_NOT_INITIALIZED, "cusolverDnDestroy", "no such handle");
}
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream) {
  if (!handles().contains(handle) || !is_stream(stream))
    return status_of(CUSOLVER_STATUS_NOT_INITIALIZED, "cusolverDnSetStream", "no such handle or stream");
  handle->stream = stream;
  return CUSOLVER_STATUS_SUCCESS;
}

#define SIMT_CUSOLVER(S, T)                                                                                  \
  cusolverStatus_t cusolverDn##S##getrf_bufferSize(cusolverDnHandle_t, int m, int n, T*, int lda,            \
                                                   int* size) {                                              \
    if (m < 0 || n < 0 || lda < std::max(1, m) || size == nullptr) return CUSOLVER_STATUS_INVALID_VALUE;     \
    *size = std::max(1, m * n);                                                                              \
    return CUSOLVER_STATUS_SUCCESS;                                                                          \
  }                                                                                                          \
  cusolverStatus_t cusolverDn##S##getrf(cusolverDnHandle_t handle, int m, int n, T* A, int lda,              \
                                        T* workspace, int* pivots, int* info) {                              \
    const char* const name = "cusolverDn" #S "getrf";                                                        \
    return queue(handle, name, A && workspace && info && lda >= std::max(1, m), [=] {                        \
      use_workspace(workspace, std::size_t(m) * std::size_t(n) * sizeof(T), name);                           \
      factor_lu<T>({name, A, m, n, lda}, pivots, info);                                                      \
    });                                                                                                      \
  }                                                                                                          \
  cusolverStatus_t cusolverDn##S##getrs(cusolverDnHandle_t handle, cublasOperation_t trans, int n,           \
                                        int columns, const T* A, int lda, const int* pivots, T* B, int ldb,  \
                                        int* info) {                                                         \
    const char* const name = "cusolverDn" #S "getrs";                                                        \
    return queue(handle, name, A && B && pivots && info && lda >= std::max(1, n) && ldb >= std::max(1, n),   \
                 [=] {                                                                                       \
                   solve_lu<T>({name, A, n, n, lda}, trans != CUBLAS_OP_N, columns, pivots, B, ldb, info);   \
                 });                                                                                         \
  }                                                                                                          \
  cusolverStatus_t cusolverDn##S##potrf_bufferSize(cusolverDnHandle_t, cublasFillMode_t, int n, T*, int lda, \
                                                   int* size) {                                              \
    if (n < 0 || lda < std::max(1, n) || size == nullptr) return CUSOLVER_STATUS_INVALID_VALUE;              \
    *size = std::max(1, n * n);                                                                              \
    return CUSOLVER_STATUS_SUCCESS;                                                                          \
  }                                                                                                          \
  cusolverStatus_t cusolverDn##S##potrf(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, T* A,       \
                                        int lda, T* workspace, int size, int* info) {                        \
    const char* const name = "cusolverDn" #S "potrf";                                                        \
    return queue(handle, name, A && workspace && info && lda >= std::max(1, n) && size >= n * n, [=] {       \
      use_workspace(workspace, std::size_t(size) * sizeof(T), name);                                         \
      factor_cholesky<T>({name, A, n, n, lda}, uplo == CUBLAS_FILL_MODE_UPPER, info);                        \
    });                                                                                                      \
  }                                                                                                          \
  cusolverStatus_t cusolverDn##S##potrs(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n,             \
                                        int columns, const T* A, int lda, T* B, int ldb, int* info) {        \
    const char* const name = "cusolverDn" #S "potrs";                                                        \
    return queue(handle, name, A && B && info && lda >= std::max(1, n) && ldb >= std::max(1, n), [=] {       \
      solve_cholesky<T>({name, A, n, n, lda}, uplo == CUBLAS_FILL_MODE_UPPER, columns, B, ldb, info);        \
    });                                                                                                      \
  }
SIMT_CUSOLVER(S, float)
SIMT_CUSOLVER(D, double)
