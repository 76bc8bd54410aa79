// The DEQ-Transformer: the equilibrium of one weight-tied transformer layer (Bai, Kolter, Koltun 2019).
#pragma once
#include <string>

#include "engine/config.h"
#include "models/cost/cost.h"
#include "models/layers.h"
#include "solvers/fixed_point/equilibrium.h"

namespace stillpoint {

class ModelFamily;

// Legend: N batch, L length, d features, H heads of E = d / H features, F units of the inner layer, V tokens,
// C channels of a sequence of numbers, O outputs.

struct DeqConfig {
  std::int64_t d = 40, heads = 8, inner = 40;
  bool weight_norm = true;
  std::string solver = "broyden", adjoint_solver = "broyden";
  std::int64_t steps = 30, adjoint_steps = 30;
  std::string counted_steps = "evaluations";
  double tolerance = 1e-6, adjoint_tolerance = 1e-6;
  double anderson_beta = 1, anderson_regularisation = 1e-4;
  std::string anderson_scale = "relative";
  bool line_search = false;
  std::string gradient = "implicit";
  std::int64_t gradient_steps = 5;
  double gradient_damping = 0.5;
  bool reuse_inverse = false;
  double jacobian_weight = 0;
  std::int64_t check_every = 0;

  static Check stepped(double low = 0) { return between(low, 1e4); }  // each keeps or records a state
  template <class F>
  void fields(F& f) {
    f("deq_features", d, "features of a position; a multiple of the heads", wide());
    f("deq_heads", heads, "attention heads, of at most 16 features each", wide());
    f("deq_inner", inner, "units of the feed-forward network", wide());
    f("deq_weight_norm", weight_norm, "normalise the weights of the cell's maps");
    solver_fields(f);
    gradient_fields(f);
  }
  template <class F>
  void solver_fields(F& f) {
    f("solver", solver, "method of the forward solve", one_of({"broyden", "anderson", "picard"}));
    f("adjoint_solver", adjoint_solver, "method of the backward solve",
      one_of({"broyden", "anderson", "picard", "gmres"}));
    f("solver_steps", steps, "largest number of evaluations in the forward solve", stepped());
    f("adjoint_steps", adjoint_steps, "largest number of vector-Jacobian products in the backward solve",
      stepped());
    f("solver_counts", counted_steps,
      "what solver_steps and adjoint_steps count; the original's Broyden method counts updates, which take "
      "one evaluation more",
      one_of({"evaluations", "updates"}));
    f("solver_tolerance", tolerance, "root mean square of f(z) - z at which a sample has converged",
      between(0, most_factor));
    f("adjoint_tolerance", adjoint_tolerance, "relative residual at which the backward solve has converged",
      between(0, most_factor));
    f("anderson_beta", anderson_beta, "mixing of Anderson's method", factor());
    f("anderson_regularisation", anderson_regularisation, "lambda of Anderson's method",
      between(0, most_factor));
    f("anderson_scale", anderson_scale,
      "whether lambda is multiplied by the mean of ||f(z) - z||^2, or absolute as in the original",
      one_of({"relative", "absolute"}));
    f("line_search", line_search, "shorten Broyden's forward steps by Armijo's rule if they do not help");
  }
  template <class F>
  void gradient_fields(F& f) {
    f("gradient", gradient, "gradient through the equilibrium",
      one_of({"implicit", "phantom", "jfb", "unrolled", "reversible"}));
    f("gradient_steps", gradient_steps, "recorded steps of phantom, unrolled and reversible", stepped(1));
    f("gradient_damping", gradient_damping, "damping of phantom and reversible steps", between(0.001, 1));
    f("reuse_inverse", reuse_inverse,
      "start the backward solve from the forward solve's inverse Jacobian (Broyden)");
    f("jacobian_weight", jacobian_weight,
      "weight of ||J||^2 / n in the loss, estimated with one random probe; a GPU then cannot run a step "
      "as one graph",
      between(0, most_factor));
    f("check_every", check_every,
      "solver steps after which a GPU is asked whether all have converged; 0: never, so that it runs a step "
      "as one graph",
      counted(0));
  }
};

// y = x w^T + b with w_o = g_o v_o / ||v_o||. v is (out,in); g is (out), or undefined for w = v; b is (out)
// or undefined.
struct WeightNormLinear {
  Tensor v, g, b;

  WeightNormLinear() = default;
  WeightNormLinear(Initializer& init, Index in, Index out, bool with_norm, bool with_bias);
  Tensor weight() const { return g.defined() ? weight_norm(v, g) : v; }
  template <class P>
  void params(P& p) {
    p("v", v);
    p("g", g);
    p("b", b);
  }
};

// f(z) = h + W_2 relu(W_1 h + b_1) + b_2 with h = LN(W_o attention(W_qkv LN(z) + u) + b_o + z) for z (N,L,d).
// The residual of the feed-forward part is the normalised h. The cell holds everything that does not depend
// on z, so that a solve computes it once.
struct DeqCell {
  Tensor u, r;      // (N,L,3d), (L,d)
  Tensor b_w, b_r;  // (H,E)
  Tensor w_qkv, w_o, b_o, w_1, b_1, w_2, b_2;

  Tensor operator()(const Tensor& z) const;
  // Returns the tensors that f depends on besides z.
  std::vector<Tensor> tensors() const { return {u, r, b_w, b_r, w_qkv, w_o, b_o, w_1, b_1, w_2, b_2}; }
};

// Returns (length,d) with [sin(p w); cos(p w)] in row p, w_k = 10000^(-2k/d); d is even (Dai et al. 2019).
Tensor position_code(Index length, Index d, TensorOptions options);

// The result of one evaluation of the model.
struct DeqValue {
  Tensor logits;         // (N L, O), positions in the order (n, p)
  Tensor penalty;        // to be added to the loss; undefined if jacobian_weight is 0
  Equilibrium solution;  // z (N,L,d) and the reports
};

struct DeqTransformer {
  Tensor embedding;  // (V,d), which is also the output's map if O = V; undefined if x has numbers
  Linear input;      // (d,C) for numbers
  Tensor out;        // (O,d); undefined if the embedding takes its place
  Linear inject;     // (3d,d)
  WeightNormLinear qkv, r, o, first, second;
  Tensor b_w, b_r, out_bias;

  DeqTransformer() = default;
  // Throws Error if the number of heads does not divide the number of features.
  DeqTransformer(Initializer& init, const DeqConfig& config, Index tokens)
      : DeqTransformer(init, config, {.tokens = tokens, .outputs = tokens}) {}
  struct Ends {
    Index tokens = 0, channels = 0, outputs = 1;  // tokens 0: x has channels of numbers
  };
  DeqTransformer(Initializer& init, const DeqConfig& config, const Ends& ends);

  // x are ids int32 (N,L), or numbers (N,C,L).
  DeqCell cell(const Tensor& x) const;
  // Solves from z = 0. The probe (N,L,d) is for the Jacobian penalty, and used only if that has a weight.
  DeqValue value(const Tensor& x, const Tensor& probe = {}) const;
  Tensor operator()(const Tensor& x) const { return value(x).logits; }
  Tensor logits(const Tensor& z) const;
  Cost cost(const Tensor& x, const Evaluations& solved) const;

  template <class P>
  void params(P& p) {
    p("embedding", embedding);
    p("input", input);
    p("inject", inject);
    p("qkv", qkv);
    p("r", r);
    p("b_w", b_w);
    p("b_r", b_r);
    p("o", o);
    p("ffn.0", first);
    p("ffn.1", second);
    p("out.w", out);
    p("out.b", out_bias);
  }

 private:
  DeqConfig config_;
  mutable Tensor code_;  // kept for the latest length: a recorded graph must not copy it to the device again
};

void add_deq_transformer(ModelFamily& family);  // deq

}  // namespace stillpoint
