// Many matrix products of one shape: cuBLAS on CUDA, one product per thread on the CPU.
#pragma once
#include "kernels/gemm/gemm.h"

namespace stillpoint::kernels {

// Product i reads a + i stride_a and b + i stride_b and writes c + i stride_c (elements); a stride of 0
// shares an operand. It computes in the operands' own type, whatever precision() is: other products undo the
// transforms and inverses that are built from such products, but cannot undo a rounding to 8 or 10 bits.
struct BatchedGemm {
  std::int64_t batch;
  GemmShape shape;
  std::int64_t stride_a, stride_b, stride_c;
};
void gemm_batched(const BatchedGemm& g, const Array& a, const Array& b, const Array& c);

// Does the same on CUDA; no extent is 0.
void gemm_batched_cuda(const BatchedGemm& g, const Array& a, const Array& b, const Array& c);

}  // namespace stillpoint::kernels
