// Matrix products on the CPU.
#pragma once
#include "kernels/gemm.h"

namespace stillpoint::kernels {

// Contracts of gemm and linear, for arrays on the CPU; any extent may be 0.
void gemm_cpu(const GemmShape& shape, const Array& a, const Array& b, const Array& c);
void linear_cpu(const LinearShape& shape, const Array& x, const Array& w, const Array& b, const Array& y);

// gemm_host with this project's own register tiles, threaded where the product is large. Each element is
// summed in an order that depends on k alone.
template <class T>
void gemm_blocked(const HostGemm& g, const T* a, const T* b, T* c);
extern template void gemm_blocked<float>(const HostGemm& g, const float* a, const float* b, float* c);
extern template void gemm_blocked<double>(const HostGemm& g, const double* a, const double* b, double* c);

// gemm_host in float32 whatever precision() is: oneDNN's, or where it was not built in and where an extent is
// 0, gemm_blocked.
void gemm_float32(const HostGemm& g, const float* a, const float* b, float* c);

// gemm_host with operands rounded to bf16 (nearest, ties to even) and float32 sums.
void gemm_bf16(const HostGemm& g, const float* a, const float* b, float* c);
// The nearest bf16 as a float; a NaN stays a NaN.
float round_to_bf16(float x);

}  // namespace stillpoint::kernels
