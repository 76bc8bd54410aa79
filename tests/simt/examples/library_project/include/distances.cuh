// Squared distances of all pairs of rows.
#pragma once
#include <cublas_v2.h>
#include <cuda_runtime.h>

__device__ float squared_norm(const float* row, int columns);  // in another source
void distances(const float* x, float* result, int rows, int columns, cublasHandle_t handle,
               cudaStream_t stream);
