// W = (1-m) I - A^T A + S of circular convolutions, represented by its frequencies. A product or a gradient
// costs two transforms and a matrix product per frequency, whatever the number of convolutions in W.
#pragma once
#include <memory>

#include "solvers/monotone/frequency_grid.h"

namespace stillpoint {

struct ConvolutionFrequencies {
  FrequencyGrid grid;
  Tensor a_blocks, w_planes, w_blocks;  // of A (real blocks) and of W

  // a and s are (c,c,3,3); only their values are used.
  ConvolutionFrequencies(const FrequencyGrid& images, const Tensor& a, const Tensor& s, double m);
  // W z, or W^T z, for z (places,c,samples).
  Tensor product(const Tensor& z, bool transposed) const;
};

// Records W z for z (samples,c,side,side). a and s are the kernels that w was made of; they receive its
// gradients. Throws Error if a second derivative is asked for: it is not defined.
Tensor frequency_convolution(const std::shared_ptr<const ConvolutionFrequencies>& w, const Tensor& z,
                             const Tensor& a, const Tensor& s);

// Returns the planes of a b, or a^H b if adjoint_a, per frequency, from a's real blocks and b's planes.
Tensor product_planes(const Tensor& a_blocks, const Tensor& b_planes, bool adjoint_a);

}  // namespace stillpoint
