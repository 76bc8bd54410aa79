// Squared distances of all pairs of rows.
#pragma once
#include <cuda_runtime.h>
#include <cublas_v2.h>

__device__ float squared_norm(const float* row, int columns);  // in another source
void distances(const float* x, float* result, int rows, int columns, cublasHandle_t handle, cudaStream_t stream);
