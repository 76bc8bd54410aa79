// Matrix products by cuBLAS and cublasLt.
#pragma once
#include "kernels/gemm/gemm.h"

namespace stillpoint::kernels {

// Contracts of gemm and linear; the arrays are on CUDA, and no extent is 0 (gemm) or no extent of y (linear).
// An Error where an extent does not fit cuBLAS's 32-bit sizes.
void gemm_cuda(const GemmShape& shape, const Array& a, const Array& b, const Array& c);
void linear_cuda(const LinearShape& shape, const Array& x, const Array& w, const Array& b, const Array& y);

}  // namespace stillpoint::kernels
