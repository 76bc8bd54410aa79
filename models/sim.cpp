// Builds and evaluates the stable invariant models.
#include "models/sim.h"

#include "models/fold.h"
#include "models/model_family.h"

namespace stillpoint {

SimHead::SimHead(Initializer& init, const HeadConfig& config, Index in, Index outputs, bool with_psi)
    : fold(config.fold) {
  Index width = in;
  if (with_psi) {
    require(config.psi % 2 == 0, "sim: given d_psi = ", config.psi,
            ", expected an even number (cosines and sines of d_psi/2 random vectors), change d_psi");
    psi.omega = init.normal({config.psi / 2, in}, 1 / config.bandwidth).detach();
    width = config.psi;
  }
  const Index rank = std::max<Index>(1, width / 2), hidden = config.hidden;
  koopman.vt = init.uniform_fan_in({rank, width}, width);
  koopman.u = init.uniform_fan_in({width, rank}, rank);
  r = {Linear(init, width, hidden), Linear(init, hidden, hidden), Linear(init, hidden, hidden)};
  out = Linear(init, hidden, outputs);
}

std::vector<HeadLayer> SimHead::layers(std::vector<HeadLayer> chain) const {
  if (psi.omega.defined()) chain.push_back({psi.omega, {}, Activation::fourier});
  chain.push_back({koopman.vt, {}, Activation::identity});
  chain.push_back({koopman.u, {}, Activation::identity});
  chain.push_back(r.first.layer(Activation::relu));
  chain.push_back(r.second.layer(Activation::relu));
  chain.push_back(r.third.layer(Activation::identity));
  chain.push_back(out.layer(Activation::identity));
  return chain;
}

Tensor SimHead::operator()(const Tensor& x, std::vector<HeadLayer> phi) const {
  const std::vector<HeadLayer> chain = layers(std::move(phi));
  return sim_head(x, fold && folding_pays(chain, x.dim(0), x.device()) ? fold_linear_runs(chain) : chain);
}

namespace {

// (N,C,T) -> (N T, C)
Tensor positions(const Tensor& z) { return reshape(permute(z, {0, 2, 1}), {-1, z.dim(1)}); }

}  // namespace

SequenceSim::SequenceSim(Initializer& init, const TcnConfig& tcn, const HeadConfig& config, Index outputs,
                         bool two_tier, Index channels)
    : phi{Tcn(init, tcn, channels), Linear(init, tcn.channels, config.d)},
      head(init, config, config.d, outputs, two_tier) {}

Tensor SequenceLift::operator()(const Tensor& x) const { return lift(positions(tcn(x))); }

Tensor SequenceSim::operator()(const Tensor& x) const {
  return head(positions(phi.tcn(x)), {phi.lift.layer(Activation::identity)});
}

SequenceTcn::SequenceTcn(Initializer& init, const TcnConfig& config, Index outputs, Index channels)
    : tcn(init, config, channels), out(init, config.channels, outputs) {
  out.w.assign(init.normal({outputs, config.channels}, 0.01));  // Bai, Kolter, Koltun 2018
}

Tensor SequenceTcn::operator()(const Tensor& x) const { return out(positions(tcn(x))); }

CoordinateSim::CoordinateSim(Initializer& init, const std::string& kind, Index phi_hidden,
                             const HeadConfig& config) {
  const bool rff = kind == "rff";
  require(rff || kind == "single" || kind == "two", "sim: given model '", kind,
          "', expected single, two or rff, choose one");
  if (!rff)
    phi.layers = {Linear(init, 2, phi_hidden), Linear(init, phi_hidden, phi_hidden),
                  Linear(init, phi_hidden, config.d)};
  head = SimHead(init, config, rff ? 2 : config.d, 3, kind != "single");
}

std::vector<HeadLayer> CoordinateSim::phi_layers() const {
  std::vector<HeadLayer> chain;
  for (std::size_t i = 0; i < phi.layers.size(); ++i)
    chain.push_back(phi.layers[i].layer(i + 1 < phi.layers.size() ? Activation::relu : Activation::identity));
  return chain;
}

Tensor CoordinateSim::operator()(const Tensor& x) const { return head(x, phi_layers()); }

namespace {

struct SequenceSimConfig {
  TcnConfig tcn;
  HeadConfig head;
  template <class F>
  void fields(F& f) {
    tcn.fields(f);
    head.fields(f);
  }
};

struct CoordinateSimConfig {
  std::int64_t phi_hidden = 256;
  HeadConfig head{.d = 256, .psi = 256, .bandwidth = 0.05, .hidden = 256};
  template <class F>
  void fields(F& f) {
    f("phi_hidden", phi_hidden, "h, hidden units of the lift phi (single, two)", wide());
    head.fields(f);
  }
};

Index channels_of(const ModelShape& shape) { return shape.input.empty() ? 1 : shape.input[0]; }

const std::vector<std::string> only_psi{"d_psi", "bandwidth"}, only_phi{"phi_hidden", "d_phi"};

ModelRow<SequenceSimConfig> sequence_sim(const char* name, const char* summary, bool two_tier) {
  return {.name = name,
          .summary = summary,
          .make =
              [=](Initializer& init, const ModelShape& shape, const SequenceSimConfig& config) {
                return std::make_unique<ModelOf<SequenceSim>>(
                    SequenceSim(init, config.tcn, config.head, shape.outputs, two_tier, channels_of(shape)));
              },
          .ignored = two_tier ? std::vector<std::string>{} : only_psi,
          .bench = {.row = two_tier ? "sim-two" : "sim-single",
                    .batch = two_tier ? 10 : 1,
                    .eps = 1e-5,
                    .clip = 1,
                    .width = two_tier ? std::vector<std::string>{"d_phi", "d_psi", "hidden"}
                                      : std::vector<std::string>{"d_phi", "hidden"}}};
}

ModelRow<CoordinateSimConfig> coordinate_sim(const char* name, const char* summary,
                                             std::vector<std::string> ignored,
                                             std::vector<std::string> width) {
  return {.name = name,
          .summary = summary,
          .make =
              [=](Initializer& init, const ModelShape&, const CoordinateSimConfig& config) {
                return std::make_unique<ModelOf<CoordinateSim>>(
                    CoordinateSim(init, name, config.phi_hidden, config.head));
              },
          .ignored = std::move(ignored),
          .bench = {.row = text("sim-", name),
                    .eps = 1e-5,
                    .settings = {{"bandwidth", 0.1}},
                    .width = std::move(width)}};
}

}  // namespace

void add_sequence_sims(ModelFamily& family) {
  family.add(sequence_sim("single", "single-tier SIM", false));
  family.add(sequence_sim("two", "two-tier SIM", true));
  family.add<TcnConfig>({.name = "tcn",
                         .summary = "only the TCN",
                         .make =
                             [](Initializer& init, const ModelShape& shape, const TcnConfig& config) {
                               return std::make_unique<ModelOf<SequenceTcn>>(
                                   SequenceTcn(init, config, shape.outputs, channels_of(shape)));
                             },
                         .bench = {.eps = 1e-5, .clip = 1, .width = {"tcn_channels"}}});
}

void add_coordinate_sims(ModelFamily& family) {
  family.add(coordinate_sim("single", "single-tier SIM", only_psi, {"phi_hidden", "d_phi", "hidden"}));
  family.add(coordinate_sim("two", "two-tier SIM", {}, {"phi_hidden", "d_phi", "d_psi", "hidden"}));
  family.add(coordinate_sim("rff", "RFF-only SIM", only_phi, {"d_psi", "hidden"}));
}

}  // namespace stillpoint
