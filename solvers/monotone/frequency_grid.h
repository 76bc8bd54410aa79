// Square images by frequency (Fourier transforms), where circular convolutions are diagonal.
#pragma once
#include "engine/tensor.h"
#include "kernels/monotone/frequencies.h"

namespace stillpoint {

// X[p,q] = sum_{y,x} z[y,x] e^{-2 pi i (p y + q x)/n} of real n x n images, and its inverse. The CPU has a
// transform of its own; CUDA multiplies by the transform's matrix.
class FrequencyGrid {
 public:
  FrequencyGrid() = default;
  FrequencyGrid(Index n, TensorOptions options);

  Index side() const { return n_; }
  Index count() const { return half().count(); }
  kernels::HalfFrequencies half() const { return {n_}; }
  // z (n n,C,N) -> (frequencies,2,C,N), real and imaginary parts.
  Tensor forward(const Tensor& z) const;
  Tensor inverse(const Tensor& frequencies) const;
  // A[p,q] = sum_{a,b} w[o,c,a,b] e^{2 pi i (p (a-1) + q (b-1))/n} for w (Co,Ci,3,3), of shape
  // (frequencies,2,Co,Ci). The circular convolution of z by w is A X.
  Tensor kernel(const Tensor& w) const;
  // The adjoint of kernel(): planes (frequencies,2,Co,Ci) -> (Co,Ci,3,3).
  Tensor kernel_adjoint(const Tensor& planes) const;

  // The same by products with whole matrices. CUDA runs these; for the CPU they are the reference.
  void forward_by_matrices(const Tensor& z, const Tensor& frequencies) const;
  void inverse_by_matrices(const Tensor& frequencies, const Tensor& z) const;

 private:
  Index n_ = 0;
  Tensor rows_, columns_;                   // (2 (n/2+1), n), (2n,2n)
  Tensor rows_back_, columns_back_, taps_;  // (n, 2 (n/2+1)), (2n,2n), (2 frequencies, 9)
};

// y = M x, or y = M^H x if `transposed`, for x (frequencies,2,c,N) and one matrix M per frequency, given as
// blocks (frequencies,2r,2c) in the layout of kernels::real_blocks. add_frequency_product adds it to y.
struct FrequencyProduct {
  bool transposed = false;
};
Tensor frequency_product(const Tensor& blocks, const Tensor& x, FrequencyProduct options = {});
void add_frequency_product(const Tensor& blocks, const Tensor& x, const Tensor& y,
                           FrequencyProduct options = {});
// planes (frequencies,2,r,c) -> blocks.
Tensor frequency_blocks(const Tensor& planes);

}  // namespace stillpoint
