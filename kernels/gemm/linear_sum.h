// A linear map with what is added to its result.
#pragma once
#include "kernels/gemm/gemm.h"

namespace stillpoint::kernels {

// y (rows,out) = x (rows,in) op(w) + b + plus, then ReLU if asked for, in one pass over y; b (out) and plus
// (rows,out) may be empty. w is stored (out,in) if transpose_w, else (in,out). No operand may share memory
// with y.
struct LinearTerms {
  Array b = {}, plus = {};
  bool transpose_w = true;
};
void linear(const LinearShape& shape, const Array& x, const Array& w, const LinearTerms& terms,
            const Array& y);

}  // namespace stillpoint::kernels
