// Matrix products by cuBLAS and cublasLt.
#pragma once
#include "kernels/gemm/linear_sum.h"

namespace stillpoint::kernels {

// The contracts are those of gemm and linear. The arrays are on CUDA, and no extent (gemm) or no extent of y
// (linear) is 0. Throws Error if an extent does not fit cuBLAS's 32-bit sizes.
void gemm_cuda(const GemmShape& shape, const Array& a, const Array& b, const Array& c);
void linear_cuda(const LinearShape& shape, const Array& x, const Array& w, const LinearTerms& terms,
                 const Array& y);

}  // namespace stillpoint::kernels
