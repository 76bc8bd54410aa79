// Fourier transforms of square images, and matrices that are diagonal in them: circular convolutions.
#pragma once
#include "engine/tensor.h"
#include "kernels/monotone/spectral.h"

namespace stillpoint {

// X[p,q] = sum_{y,x} z[y,x] e^{-2 pi i (p y + q x)/n} of real n x n images, and back; for the few n of a
// network's images a product with the transform's matrix, on both devices.
class FourierGrid {
 public:
  FourierGrid() = default;
  FourierGrid(Index n, TensorOptions options);

  Index side() const { return n_; }
  Index frequencies() const { return half().count(); }
  kernels::HalfSpectrum half() const { return {n_}; }
  // z (n n,C,N) -> (frequencies,2,C,N), real and imaginary parts.
  Tensor forward(const Tensor& z) const;
  Tensor inverse(const Tensor& spectrum) const;
  // A[p,q] = sum_{a,b} w[o,c,a,b] e^{2 pi i (p (a-1) + q (b-1))/n} of w (Co,Ci,3,3), with which the circular
  // convolution of z by w has the spectrum A X: (frequencies,2,Co,Ci).
  Tensor kernel(const Tensor& w) const;
  // The adjoint of kernel(): planes (frequencies,2,Co,Ci) -> (Co,Ci,3,3).
  Tensor kernel_adjoint(const Tensor& planes) const;

  // The same by products with whole matrices: what CUDA runs, and the reference of the CPU's.
  void forward_by_matrices(const Tensor& z, const Tensor& spectrum) const;
  void inverse_by_matrices(const Tensor& spectrum, const Tensor& z) const;

 private:
  Index n_ = 0;
  Tensor rows_, columns_;                   // (2 (n/2+1), n), (2n,2n)
  Tensor rows_back_, columns_back_, taps_;  // (n, 2 (n/2+1)), (2n,2n), (2 frequencies, 9)
};

// Products with a matrix per frequency, blocks (frequencies,2r,2c) as kernels::real_blocks makes them.
// y = M x, or M^H x, for x (frequencies,2,c,N); accumulate: y += that.
struct SpectralProduct {
  bool transposed = false;
};
Tensor spectral_product(const Tensor& blocks, const Tensor& x, SpectralProduct options = {});
void add_spectral_product(const Tensor& blocks, const Tensor& x, const Tensor& y,
                          SpectralProduct options = {});
// planes (frequencies,2,r,c) -> blocks.
Tensor spectral_blocks(const Tensor& planes);

}  // namespace stillpoint
