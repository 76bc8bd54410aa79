// Stable invariant models: lift phi, optional Fourier lift psi, Koopman map U V^T, reverse network r, output.
#pragma once
#include <string>

#include "engine/config.h"
#include "models/cost/cost.h"
#include "models/layers.h"
#include "models/tcn.h"

namespace stillpoint {

class ModelFamily;

// SIM paper eq. 9-12, U V^T of rank p or q, D = `psi` features:
//   single  z* = r(U V^T phi(x))           p = d/2
//   two     z* = r(U V^T psi(phi(x)))      q = D/2
//   rff     z* = r(U V^T psi(x))
// with y = W_out z* + b_out after it.
struct HeadConfig {
  std::int64_t d = 32;       // features of phi(x)
  std::int64_t psi = 32;     // features of psi: 2m for m random vectors
  double bandwidth = 1;      // sigma of the Gaussian kernel; frequencies are N(0, 1/sigma^2)
  std::int64_t hidden = 32;  // H, the units of r
  bool fold = true;          // multiply out runs of linear maps if that pays
  template <class F>
  void fields(F& f) {
    f("d_phi", d, "features of the lift phi", wide());
    f("d_psi", psi, "random Fourier features (two-tier, RFF-only); even", wide(2));
    f("bandwidth", bandwidth, "sigma of psi's Gaussian kernel; frequencies are drawn from N(0, 1/sigma^2)",
      factor());
    f("hidden", hidden, "hidden units of the reverse network r", wide());
    f("fold", fold, "multiply out runs of linear maps if that pays (same function, other rounding)");
  }
};

struct Koopman {
  Tensor vt, u;  // V^T (p,D), U (D,p), no bias
  template <class P>
  void params(P& p) {
    p("vt", vt);
    p("u", u);
  }
};

struct ReverseNetwork {
  Linear first, second, third;  // ReLU after the first two
  template <class P>
  void params(P& p) {
    p("0", first);
    p("1", second);
    p("2", third);
  }
};

struct FourierLift {
  Tensor omega;  // (m,d), fixed
  template <class P>
  void params(P& p) {
    p.buffer("omega", omega);
  }
};

// psi (if omega is defined), U V^T, r and output. Its layers follow those of phi in one chain.
struct SimHead {
  FourierLift psi;
  Koopman koopman;
  ReverseNetwork r;
  Linear out;
  bool fold = true;

  SimHead() = default;
  // phi(x), or the raw coordinates, have `in` features; the task has `outputs`. with_psi draws omega.
  SimHead(Initializer& init, const HeadConfig& config, Index in, Index outputs, bool with_psi);

  // Evaluates the chain that begins with the layers of `phi`: x (P,·) -> (P,outputs).
  Tensor operator()(const Tensor& x, std::vector<HeadLayer> phi) const;
  // Returns the unfolded chain: phi's layers, then psi, V^T, U, r and output.
  std::vector<HeadLayer> layers(std::vector<HeadLayer> phi) const;

  template <class P>
  void params(P& p) {
    p("psi", psi);
    p("koopman", koopman);
    p("r", r);
    p("out", out);
  }
};

// phi of sequences: a TCN, then a linear map per position.
struct SequenceLift {
  Tcn tcn;
  Linear lift;
  // x (N,C,T) -> (N T, d), positions in the order (n, t).
  Tensor operator()(const Tensor& x) const;
  template <class P>
  void params(P& p) {
    p("tcn", tcn);
    p("lift", lift);
  }
};

// Sequences: x (N,C,T) -> logits (N T, outputs), positions in the order (n, t).
struct SequenceSim {
  SequenceLift phi;
  SimHead head;

  SequenceSim() = default;
  SequenceSim(Initializer& init, const TcnConfig& tcn, const HeadConfig& config, Index outputs, bool two_tier,
              Index channels = 1);
  Tensor operator()(const Tensor& x) const;
  Cost cost(const Tensor& x, const Evaluations& solved) const;
  template <class P>
  void params(P& p) {
    p("phi", phi);
    head.params(p);
  }
};

// The baseline: a TCN, then a linear map per position.
struct SequenceTcn {
  Tcn tcn;
  Linear out;

  SequenceTcn() = default;
  SequenceTcn(Initializer& init, const TcnConfig& config, Index outputs, Index channels = 1);
  Tensor operator()(const Tensor& x) const;
  Cost cost(const Tensor& x, const Evaluations& solved) const;
  template <class P>
  void params(P& p) {
    p("tcn", tcn);
    p("out", out);
  }
};

// phi of image regression: (linear, ReLU) twice, then linear. It is empty in the RFF-only model.
struct CoordinateLift {
  std::vector<Linear> layers;
  template <class P>
  void params(P& p) {
    for (std::size_t i = 0; i < layers.size(); ++i) p(std::to_string(i), layers[i]);
  }
};

// Image regression: x (P,2) -> (P,3).
struct CoordinateSim {
  CoordinateLift phi;
  SimHead head;

  CoordinateSim() = default;
  // kind is "single", "two" or "rff"; phi_hidden is the width of phi's hidden layers.
  CoordinateSim(Initializer& init, const std::string& kind, Index phi_hidden, const HeadConfig& config);
  Tensor operator()(const Tensor& x) const;
  Cost cost(const Tensor& x, const Evaluations& solved) const;
  // Returns the unfolded chain: phi's layers, then the head's.
  std::vector<HeadLayer> layers() const { return head.layers(phi_layers()); }
  template <class P>
  void params(P& p) {
    p("phi", phi);
    head.params(p);
  }

 private:
  std::vector<HeadLayer> phi_layers() const;
};

void add_sequence_sims(ModelFamily& family);    // single, two, tcn
void add_coordinate_sims(ModelFamily& family);  // single, two, rff

}  // namespace stillpoint
