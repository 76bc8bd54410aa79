// Applies V = (I + a (I - W))^{-1} for a monotone W: a dense matrix, or convolutions over tiers of images.
#pragma once
#include "solvers/monotone/frequency_convolution.h"
#include "solvers/monotone/monotone.h"

namespace stillpoint {

// The product W z of the model that an operator serves, and the shapes of its parts.
struct MonotoneProduct {
  std::function<Parts(const Parts&)> product;
  std::vector<Shape> shapes;
};

// The effective kernels (normalised and scaled) of one tier of W. Its blocks are
//   W_ii = (1-m) I - A^T A + S - D^T D,  S = B - B^T,   and  W_{i+1,i} = -2 A_{i+1}^T D_i,
// where D samples the circular convolution by `down` at every second place and appends a row and a column of
// zeros.
struct TierKernels {
  Tensor a, s;  // (c,c,3,3)
  Tensor down;  // (c',c,3,3); undefined in the last tier
};

// What an operator needs to know about its splitting.
struct ResolventOptions {
  double alpha = 1;
  bool resolvent = true;  // false: V is not built, because forward-backward does not need it
};

// W is a matrix (n,n).
class DenseOperator final : public SplittingOperator {
 public:
  DenseOperator(const Tensor& w, const ResolventOptions& options);
  Parts apply(const Parts& z, bool transposed) const override;
  Parts resolve(const Parts& r, bool transposed) const override;
  Index side(std::size_t) const override { return 1; }

 private:
  Tensor w_, v_;
};

// W acts on images with the sides of their grids of frequencies. Each tier has half the inner side (without
// the frame) of the tier before it, plus two for its own frame.
class ConvolutionOperator final : public SplittingOperator {
 public:
  // frequencies: W_ii + D^T D per tier; halves: the grid with half the side of each strided tier.
  ConvolutionOperator(const std::vector<std::shared_ptr<const ConvolutionFrequencies>>& frequencies,
                      const std::vector<TierKernels>& tiers, const std::vector<FrequencyGrid>& halves,
                      MonotoneProduct w, const ResolventOptions& options);
  Parts apply(const Parts& z, bool transposed) const override;
  Parts resolve(const Parts& r, bool transposed) const override;
  Index side(std::size_t part) const override { return tiers_[part].grid.side(); }

 private:
  // Real blocks per frequency: P = sqrt(a) times `down`, v = (I + a (I - W_ii - D^T D))^{-1}
  // and h = (I + sum (P v P^H) / 4)^{-1}, where the sum runs over the four fine frequencies (aliases) of a
  // coarse one.
  struct Tier {
    FrequencyGrid grid, half;
    Tensor a, v, p, h;
  };
  struct Coupled {
    Tensor x, coarse;  // the tier's solution and D x times 2 sqrt(a), by frequency
  };
  Coupled resolve_tier(const Tier& tier, const Tensor& r, bool transposed) const;
  Parts resolve_forward(const Parts& r) const;
  Parts resolve_transposed(const Parts& r) const;

  std::vector<Tier> tiers_;
  std::shared_ptr<const ConvolutionFrequencies> single_;  // null unless there is only one tier
  MonotoneProduct w_;
  double alpha_;
};

}  // namespace stillpoint
