// Inverses of many complex matrices whose Hermitian part is positive definite.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// In place, m (batch,2,n,n) with the real and the imaginary plane of each matrix. Gauss-Jordan elimination
// without exchanges of rows: every Schur complement of such a matrix has a positive definite Hermitian part,
// too, whose least eigenvalue is not below the matrix's own, so that no pivot is small. A matrix that is not
// like that ends as what the division by its pivots makes of it, not finite at the worst.
void complex_inverse(std::int64_t n, const Array& m);

// The same on CUDA: one block per matrix.
void complex_inverse_cuda(std::int64_t n, const Array& m);

}  // namespace stillpoint::kernels
