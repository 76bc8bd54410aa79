// Monotone operator equilibrium networks: z* = sigma(W z* + U x + b) with W = (1-m) I - A^T A + B - B^T. I -
// W is strongly monotone, so there is exactly one fixed point; splitting finds it (Winston, Kolter 2020).
#pragma once
#include <string>

#include "engine/config.h"
#include "models/cost/cost.h"
#include "models/layers.h"
#include "solvers/monotone/monotone_inverse.h"

namespace stillpoint {

class ModelFamily;
struct ImageChannels;
struct ModelShape;

struct MonDeqConfig {
  // Channels of the state; the task sets them, so they are not a field. One number makes a single
  // convolution; more than one, as in 16,32,60, make tiers of images, each halved from the one before.
  std::string channels = "81";
  double m = 1, alpha = 1;
  std::string solver = "peaceman-rachford";
  double tolerance = 1e-2;
  std::int64_t max_iterations = 300;
  std::int64_t check_every = 1;
  bool adjoint_product = false;

  template <class F>
  void fields(F& f) {
    f("m", m, "strong monotonicity of I - W", factor());
    f("alpha", alpha, "initial step size of the splitting", factor());
    f("splitting", solver, "how the equilibrium is found", one_of({"peaceman-rachford", "forward-backward"}));
    f("tolerance", tolerance, "relative change of the state at which a batch has converged",
      between(0, most_factor));
    f("max_iterations", max_iterations, "largest number of iterations, forward and backward", wide(0));
    f("adjoint_product", adjoint_product,
      "end the backward solve with one more product with W^T, as in the original");
    f("check_every", check_every, "iterations after which a GPU is asked whether to stop; 0: never",
      counted(0));
  }
};
// "16,32,60" -> {16,32,60}. Throws Error unless the text is a list of positive numbers separated by commas.
std::vector<Index> parse_channels(const std::string& channels);
// Returns the channels that a model of images is given, or its usual ones. Throws Error unless there is one
// number, or more than one if the usual ones are tiers.
std::string image_channels(const ModelShape& shape, const ImageChannels& usual);

// The result of one evaluation of a model.
struct MonDeqValue {
  Tensor logits;
  MonotoneEquilibrium solution;  // z of the last tier, (N,C,side,side) or (N,C), and the reports
};

// The kernels of one tier. They are normalised when they are used: gain w / ||w||_F.
struct MonDeqTier {
  Tensor a, b, down;    // (c,c,3,3), (c,c,3,3), (c',c,3,3) or undefined in the last tier
  Tensor g, h, down_g;  // (1) each: g scales A^T A, down_g scales D^T D, h scales B

  // Returns the effective kernels, recorded. A gain of A^T A or D^T D at or below 0 would break monotonicity.
  // A gain below 1e-6 therefore counts as 1e-6 and has no gradient; others keep their value.
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

// Computes W z with conv2d from the effective kernels of the tiers. Models of more than one tier use it; for
// a single tier it is the reference of the product per frequency.
Parts convolutional_product(const std::vector<TierKernels>& kernels, double m, const Parts& z);

// The step size of the splitting. Training tunes it, and the model's checkpoint stores it.
struct StepSize {
  Tensor alpha;  // float64 (1) on the CPU
  double get() const { return alpha.item(); }
  void set(double value) { alpha.assign(Tensor::full({1}, value, {DType::float64, Device::cpu})); }
};

// W and U x + b for a batch of images, and the diagonal blocks of W by frequency.
struct ConvMap : MonotoneMap {
  std::vector<std::shared_ptr<const ConvolutionFrequencies>> frequencies;
};

// Convolutions on images in one tier or more. A single tier ends in 4 x 4 average pooling; otherwise the last
// tier is flattened.
struct ConvMonDeq {
  Tensor inject_w, inject_b;  // U (c0,Cin,3,3), b (c0)
  std::vector<MonDeqTier> tiers;
  Linear out;
  StepSize step;

  ConvMonDeq() = default;
  // Takes images (in_channels,side,side). Throws Error if the image of a strided tier would have an odd side.
  ConvMonDeq(Initializer& init, const MonDeqConfig& config, Index in_channels, Index side,
             Index classes = 10);

  // x is (N,Cin,side,side).
  MonDeqValue value(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return value(x).logits; }
  Tensor logits(const Tensor& z) const;
  // Return W and U x + b for a batch, and the operator that solves with them.
  ConvMap map(const Tensor& x) const;
  std::shared_ptr<const SplittingOperator> splitting_operator(const ConvMap& f) const;
  SplittingOptions splitting() const;
  Cost cost(const Tensor& x, const Evaluations& solved) const;
  // Returns the iterations of the forward solve with step size alpha, for tuned_step_size.
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
  std::vector<FrequencyGrid> grids_, halves_;
  Tensor pool_;  // (places, cells); undefined without pooling
};

// A network with a dense W, for x (N,in).
struct DenseMonDeq {
  Linear inject;
  Tensor a, b;  // (n,n), not normalised
  Linear out;
  StepSize step;

  DenseMonDeq() = default;
  DenseMonDeq(Initializer& init, const MonDeqConfig& config, Index in, Index classes = 10);
  // x is (N,...) with `in` elements per sample.
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

void add_mondeqs(ModelFamily& family);  // mondeq-single, mondeq-multi

}  // namespace stillpoint
