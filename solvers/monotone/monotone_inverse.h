// V = (I + a (I - W))^{-1} of a monotone W: a dense matrix, or circular convolutions over tiers of images.
#pragma once
#include "solvers/monotone/circulant.h"
#include "solvers/monotone/monotone.h"

namespace stillpoint {

// W z of the model that an operator is made for, and the shapes of its parts.
struct MonotoneProduct {
  std::function<Parts(const Parts&)> product;
  std::vector<Shape> shapes;
};

// Kernels of one tier of W, effective ones (normalised and scaled): its own block is
//   W_ii = (1-m) I - A^T A + S - D^T D,  S = B - B^T,   and  W_{i+1,i} = -2 A_{i+1}^T D_i,
// where D samples the circular convolution by `down` at every second place and appends a row and a column of
// zeros.
struct TierKernels {
  Tensor a, s;  // (c,c,3,3)
  Tensor down;  // (c',c,3,3); undefined in the last tier
};

// What an operator needs to know of its splitting.
struct ResolventOptions {
  double alpha = 1;
  bool resolvent = true;  // false: V is not made, as forward-backward needs none
};

// W (n,n).
class DenseOperator final : public SplittingOperator {
 public:
  DenseOperator(const Tensor& w, const ResolventOptions& options);
  Parts apply(const Parts& z, bool transposed) const override;
  Parts resolve(const Parts& r, bool transposed) const override;
  Index side(std::size_t) const override { return 1; }

 private:
  Tensor w_, v_;
};

// Images of sides grids[i].side(), each half of the one before it without its frame, and two more.
class ConvolutionOperator final : public SplittingOperator {
 public:
  // spectra: per tier W_ii + D^T D; halves: grids of half the side of each strided tier.
  ConvolutionOperator(const std::vector<std::shared_ptr<const CirculantSpectrum>>& spectra,
                      const std::vector<TierKernels>& tiers, const std::vector<FourierGrid>& halves,
                      MonotoneProduct w, const ResolventOptions& options);
  Parts apply(const Parts& z, bool transposed) const override;
  Parts resolve(const Parts& r, bool transposed) const override;
  Index side(std::size_t part) const override { return tiers_[part].grid.side(); }

 private:
  // Real blocks per frequency. With P = sqrt(a) times the spectrum of `down`, aliases summed over the four
  // fine frequencies of a coarse one, and v = (I + a (I - W_ii - D^T D))^{-1}:  h = (I + sum (P v P^H) /
  // 4)^{-1}.
  struct Tier {
    FourierGrid grid, half;
    Tensor a, v, p, h;
  };
  struct Coupled {
    Tensor x, coarse;  // spectra of the tier's solution, and of D x times 2 sqrt(a)
  };
  Coupled resolve_tier(const Tier& tier, const Tensor& r, bool transposed) const;
  Parts resolve_forward(const Parts& r) const;
  Parts resolve_transposed(const Parts& r) const;

  std::vector<Tier> tiers_;
  std::shared_ptr<const CirculantSpectrum> single_;  // where there is one tier
  MonotoneProduct w_;
  double alpha_;
};

}  // namespace stillpoint
