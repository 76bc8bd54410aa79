// Work on frequencies of images between the matrix products that invert convolutions: complex matrices as
// real blocks, sums over aliases, and the order of axes that transforms prefer.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Frequencies (p,q) of a real n x n image, row-major: p in 0..n/2 (the others follow from the conjugate
// symmetry) and q in 0..n-1.
struct HalfFrequencies {
  std::int64_t n;
  std::int64_t rows() const { return n / 2 + 1; }
  std::int64_t count() const { return rows() * n; }
};

// (batch,2,rows,columns) planes A, B of A + i B -> (batch,2 rows,2 columns), the real matrix [A -B; B A].
void real_blocks(std::int64_t rows, std::int64_t columns, const Array& planes, const Array& blocks);

// gram <- diagonal I + scale_gram gram + scale_skew skew for planes (batch,2,c,c); skew may be without data.
struct BlockSum {
  double diagonal, scale_gram, scale_skew;
};
void sum_blocks(std::int64_t c, const BlockSum& s, const Array& skew, const Array& gram);

// Sampling every second place of an n x n image (n even) adds up four of its frequencies at each
// frequency of the n/2 x n/2 image. fold: y (m,2,width) = scale times the sum of the four x (.,2,width), m =
// HalfFrequencies{n/2}.count(). tile: x = scale times the y of its frequency. width counts the elements of a
// real (or imaginary) part.
void fold_aliases(HalfFrequencies fine, std::int64_t width, double scale, const Array& x, const Array& y);
void tile_aliases(HalfFrequencies fine, std::int64_t width, double scale, const Array& y, const Array& x);
// planes (m,2,c,c) = I + sum/4 over the aliases of x, real blocks (.,2c,2c).
void fold_gram(HalfFrequencies fine, std::int64_t c, const Array& x, const Array& planes);

// The gradient of sum_n <u_n, W z_n> with respect to W's planes (frequencies,2,c,c) is w/n^2
// u z^H with u and z by frequency; w = 2 for a frequency that also stands for its conjugate. The products
// (frequencies,2c,2c) = [Re u; Im u] [Re z; Im z]^T are summed over samples.
void correlation_planes(HalfFrequencies half, std::int64_t c, const Array& products, const Array& planes);
// y = scale (x + x^H) for planes (batch,2,c,c).
void hermitian_sum(std::int64_t c, double scale, const Array& x, const Array& y);

// y[k,j,i] = x[i,j,k] for x (a,b,c).
void swap_ends(std::int64_t a, std::int64_t b, std::int64_t c, const Array& x, const Array& y);

}  // namespace stillpoint::kernels
