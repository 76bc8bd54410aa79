// Stand-in for cuSOLVER's dense interface: factorisations by LU and Cholesky, and their solves.
#pragma once
#include "cublas_v2.h"

using cusolverDnHandle_t = struct cusolverDnContext*;

enum cusolverStatus_t {
  CUSOLVER_STATUS_SUCCESS = 0,
  CUSOLVER_STATUS_NOT_INITIALIZED = 1,
  CUSOLVER_STATUS_ALLOC_FAILED = 2,
  CUSOLVER_STATUS_INVALID_VALUE = 3,
  CUSOLVER_STATUS_ARCH_MISMATCH = 4,
  CUSOLVER_STATUS_EXECUTION_FAILED = 6,
  CUSOLVER_STATUS_INTERNAL_ERROR = 7,
  CUSOLVER_STATUS_NOT_SUPPORTED = 9
};

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle);
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle);
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream);

// `size` counts elements of the workspace. `info` is in device memory: 0, or the number of the pivot that is
// zero or of the minor that is not positive.
#define SIMT_CUSOLVER(S, T)                                                                                 \
  cusolverStatus_t cusolverDn##S##getrf_bufferSize(cusolverDnHandle_t handle, int m, int n, T* A, int lda,  \
                                                   int* size);                                              \
  cusolverStatus_t cusolverDn##S##getrf(cusolverDnHandle_t handle, int m, int n, T* A, int lda,             \
                                        T* workspace, int* pivots, int* info);                              \
  cusolverStatus_t cusolverDn##S##getrs(cusolverDnHandle_t handle, cublasOperation_t trans, int n,          \
                                        int columns, const T* A, int lda, const int* pivots, T* B, int ldb, \
                                        int* info);                                                         \
  cusolverStatus_t cusolverDn##S##potrf_bufferSize(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, \
                                                   T* A, int lda, int* size);                               \
  cusolverStatus_t cusolverDn##S##potrf(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, T* A,      \
                                        int lda, T* workspace, int size, int* info);                        \
  cusolverStatus_t cusolverDn##S##potrs(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n,            \
                                        int columns, const T* A, int lda, T* B, int ldb, int* info);
SIMT_CUSOLVER(S, float)
SIMT_CUSOLVER(D, double)
#undef SIMT_CUSOLVER
