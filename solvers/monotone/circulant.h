// W = (1-m) I - A^T A + S of circular convolutions by its spectrum: products and gradients cost two
// transforms and a matrix product per frequency, however many convolutions W is made of.
#pragma once
#include <memory>

#include "solvers/monotone/fourier_grid.h"

namespace stillpoint {

struct CirculantSpectrum {
  FourierGrid grid;
  Tensor a_blocks, w_planes, w_blocks;  // of A (real blocks) and of W

  // a, s (c,c,3,3); their values alone.
  CirculantSpectrum(const FourierGrid& images, const Tensor& a, const Tensor& s, double m);
  // W z, or W^T z, for z (places,c,samples).
  Tensor product(const Tensor& z, bool transposed) const;
};

// W z for z (samples,c,side,side), recorded; a and s are those that w was made of, and receive its gradients.
// Second derivatives are not defined: an Error.
Tensor circulant_product(const std::shared_ptr<const CirculantSpectrum>& w, const Tensor& z, const Tensor& a,
                         const Tensor& s);

// Per frequency planes of a^H b from the real blocks of a and the planes of b; or of a b.
Tensor product_planes(const Tensor& a_blocks, const Tensor& b_planes, bool adjoint_a);

}  // namespace stillpoint
