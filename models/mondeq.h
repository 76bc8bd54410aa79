// Monotone operator equilibrium networks: z* = sigma(W z* + U x + b) with W = (1-m) I - A^T A + B - B^T,
// whose I - W is strongly monotone, so that there is one fixed point and splitting finds it (Winston, Kolter
// 2020).
#pragma once
#include <string>

#include "engine/config.h"
#include "models/layers.h"
#include "solvers/monotone/monotone_inverse.h"

namespace stillpoint {

struct MonDeqConfig {
  // Of the state, not among the fields: one number is a single convolution; several, as in 16,32,60, make
  // tiers of images halved from one to the next.
  std::string channels = "81";
  double m = 1, alpha = 1;
  std::string solver = "peaceman-rachford";
  double tolerance = 1e-2;
  std::int64_t max_iterations = 300;
  std::int64_t check_every = 1;

  template <class F>
  void fields(F& f) {
    f("m", m, "strong monotonicity of I - W", factor());
    f("alpha", alpha, "step size of the splitting, to begin with", factor());
    f("splitting", solver, "how the equilibrium is found", one_of({"peaceman-rachford", "forward-backward"}));
    f("tolerance", tolerance, "relative change of the state at which a batch has converged",
      between(0, most_factor));
    f("max_iterations", max_iterations, "largest number of iterations, forward and backward", wide(0));
    f("check_every", check_every, "iterations after which a GPU is asked whether to go on; 0: never",
      counted(0));
  }
};
// "16,32,60" -> {16,32,60}; Error for anything else than positive numbers between commas.
std::vector<Index> parse_channels(const std::string& channels);

// What one evaluation of a model did.
struct MonDeqValue {
  Tensor logits;
  MonotoneEquilibrium solution;  // z: the last tier's (N,C,side,side) or (N,C), and the reports
};

// A convolution's kernel, normalised where it is used: gain w / ||w||_F.
struct MonDeqTier {
  Tensor a, b, down;    // (c,c,3,3), (c,c,3,3), (c',c,3,3) or undefined in the last tier
  Tensor g, h, down_g;  // (1) each: A^T A is scaled by g, D^T D by down_g, B by h

  // Effective kernels, recorded. A gain g of A^T A at or below 0 would break monotonicity: it counts as 1e-6
  // there and has no gradient; above, the reference's values hold.
  TierKernels kernels() const;
  template <class P>
  void params(P& p) {
    p("a", a);
    p("b", b);
    p("g", g);
    p("h", h);
    p("down", down);
    p("down_g", down_g);
  }
};

// W z for the effective kernels of the tiers by conv2d: what several tiers use, and the reference of the
// single one's spectral product.
Parts convolutional_product(const std::vector<TierKernels>& kernels, double m, const Parts& z);

// Step size of the splitting: state of the training that belongs to the model's checkpoint.
struct StepSize {
  Tensor alpha;  // float64 (1) on the CPU
  double get() const { return alpha.item(); }
  void set(double value) { alpha.assign(Tensor::full({1}, value, {DType::float64, Device::cpu})); }
};

// W and U x + b of a batch of images, and the spectra of W's diagonal blocks.
struct ConvMap : MonotoneMap {
  std::vector<std::shared_ptr<const CirculantSpectrum>> spectra;
};

// Convolutions on images, one tier or several. The single one ends in 4 x 4 average pooling, the others
// flatten their last tier.
struct ConvMonDeq {
  Tensor inject_w, inject_b;  // U (c0,Cin,3,3), b (c0)
  std::vector<MonDeqTier> tiers;
  Linear out;
  StepSize step;

  ConvMonDeq() = default;
  // Images (in_channels,side,side); Error where a strided tier's image would have no even side.
  ConvMonDeq(Initializer& init, const MonDeqConfig& config, Index in_channels, Index side,
             Index classes = 10);

  // x (N,Cin,side,side).
  MonDeqValue value(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return value(x).logits; }
  Tensor logits(const Tensor& z) const;
  // W and U x + b for a batch, and the operator that solves with them.
  ConvMap map(const Tensor& x) const;
  std::shared_ptr<const SplittingOperator> splitting_operator(const ConvMap& f) const;
  SplittingOptions splitting() const;
  // Iterations of the forward solve with step size alpha, for tuned_step_size.
  Index iterations(const Tensor& x, double alpha) const;

  template <class P>
  void params(P& p) {
    p("inject.w", inject_w);
    p("inject.b", inject_b);
    for (std::size_t i = 0; i < tiers.size(); ++i) p("tiers." + std::to_string(i), tiers[i]);
    p("out", out);
    p.buffer("alpha", step.alpha);
  }

 private:
  MonDeqConfig config_;
  std::vector<FourierGrid> grids_, halves_;
  Tensor pool_;  // (places, cells), undefined where there is no pooling
};

// A dense W, x (N,in).
struct DenseMonDeq {
  Linear inject;
  Tensor a, b;  // (n,n), not normalised
  Linear out;
  StepSize step;

  DenseMonDeq() = default;
  DenseMonDeq(Initializer& init, const MonDeqConfig& config, Index in, Index classes = 10);
  // x (N,...) of `in` elements each.
  MonDeqValue value(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return value(x).logits; }
  Tensor w() const;  // recorded
  MonotoneMap map(const Tensor& x) const;
  std::shared_ptr<const SplittingOperator> splitting_operator(const MonotoneMap& f) const;
  SplittingOptions splitting() const;
  Index iterations(const Tensor& x, double alpha) const;

  template <class P>
  void params(P& p) {
    p("inject", inject);
    p("a", a);
    p("b", b);
    p("out", out);
    p.buffer("alpha", step.alpha);
  }

 private:
  MonDeqConfig config_;
};

}  // namespace stillpoint
