// Inverses of many complex matrices whose Hermitian part is positive definite.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Inverts in place m (batch,2,n,n), the real and the imaginary plane of each matrix, by Gauss-Jordan
// elimination without exchanges of rows. Every Schur complement of such a matrix also has a positive definite
// Hermitian part, whose least eigenvalue is not below the matrix's own, so no pivot is small. For any other
// matrix the result is what the division by its pivots gives, and may not be finite.
void complex_inverse(std::int64_t n, const Array& m);

// Does the same on CUDA, with one block per matrix.
void complex_inverse_cuda(std::int64_t n, const Array& m);

}  // namespace stillpoint::kernels
