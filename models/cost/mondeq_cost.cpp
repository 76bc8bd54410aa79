// Counts the arithmetic of monotone networks on images.
#include <cmath>

#include "models/cost/solver_costs.h"

namespace stillpoint {
namespace {

// Sizes of one tier: c channels on n x n places with f frequencies; c2 channels of the next tier, or 0.
struct Tier {
  double c, c2;
  Index n;
  double places() const { return double(n * n); }
  double frequencies(Index side) const { return double((side / 2 + 1) * side); }
  double f() const { return frequencies(n); }
  double half_f() const { return frequencies(n / 2); }
};

std::vector<Tier> tiers_of(const MonDeqConfig& config, Index side) {
  const std::vector<Index> channels = parse_channels(config.channels);
  std::vector<Tier> tiers;
  Index n = side + 2;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    tiers.push_back({double(channels[i]), i + 1 < channels.size() ? double(channels[i + 1]) : 0, n});
    n = n / 2 + 1;
  }
  return tiers;
}

// Complex products per frequency: a multiply-add of complex numbers is four real ones.
Pass per_frequency(double frequencies, double rows, double columns, double samples) {
  const double products = 4 * frequencies * rows * columns * samples;
  return {products, products};
}
Pass transform(Index n, double images, Device device) {
  return {images * transform_products(n, device), images * fast_transform_products(n)};
}
void add(Pass& to, const Pass& p, double times = 1) { to = to + times * p; }

// V r, or V^T r, by substitution over the tiers (solvers/monotone/monotone_inverse.cpp).
Pass resolvent(const std::vector<Tier>& tiers, double samples, Device device, bool transposed) {
  Pass pass;
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    const Tier& t = tiers[i];
    add(pass, transform(t.n, t.c * samples, device), 2);
    add(pass, per_frequency(t.f(), t.c, t.c, samples));
    if (i > 0) {  // from the tier before, or to it
      add(pass, transform(tiers[i - 1].n / 2, t.c * samples, device));
      add(pass, transform(t.n, t.c * samples, device));
      add(pass, per_frequency(t.f(), t.c, t.c, samples));
    }
    if (t.c2 == 0) continue;
    add(pass, per_frequency(t.f(), t.c2, t.c, samples), transposed ? 3 : 2);
    add(pass, per_frequency(t.half_f(), t.c2, t.c2, samples));
    add(pass, per_frequency(t.f(), t.c, t.c, samples));
  }
  return pass;
}

// W z by a single tier by frequencies, or by convolutions: A twice, S, and twice the sampled one.
Pass product(const std::vector<Tier>& tiers, double samples, Device device) {
  Pass pass;
  if (tiers.size() == 1) {
    const Tier& t = tiers[0];
    add(pass, transform(t.n, t.c * samples, device), 2);
    add(pass, per_frequency(t.f(), t.c, t.c, samples));
    return pass;
  }
  for (const Tier& t : tiers) {
    const double taps = 9 * samples * t.places() * (3 * t.c * t.c + 2 * t.c * t.c2 / 4);
    add(pass, {taps, taps});
  }
  return pass;
}

// The gradients of W z with respect to the kernels. z itself needs none.
Pass product_gradient(const std::vector<Tier>& tiers, double samples, Device device) {
  Pass pass;
  if (tiers.size() == 1) {
    const Tier& t = tiers[0];
    add(pass, transform(t.n, t.c * samples, device), 2);
    add(pass, per_frequency(t.f(), t.c, t.c, samples));
    add(pass, per_frequency(t.f(), t.c, t.c, t.c));
    add(pass, {2 * 18 * t.f() * t.c * t.c, 2 * 18 * t.f() * t.c * t.c});
    return pass;
  }
  for (const Tier& t : tiers) {  // three products for A and for the sampled one, one for S
    const double taps = 9 * samples * t.places() * (4 * t.c * t.c + 3 * t.c * t.c2 / 4);
    add(pass, {taps, taps});
  }
  return pass;
}

}  // namespace

double transform_products(Index n, Device device) {
  const Index half = n / 2, rows = half + 1;
  if (device == Device::cuda) return double(2 * rows * n * n + rows * 4 * n * n);
  const Index line = n % 2 == 1 ? rows * rows + half * half
                                : (half / 2 + 1) * (half / 2 + 1) + (half + 1) / 2 * ((half + 1) / 2) +
                                      (half - 1) / 2 * ((half - 1) / 2) + half / 2 * (half / 2);
  return double(line * (n + 2 * rows));  // each column, then the real and the imaginary line of each row
}

double fast_transform_products(Index n) { return 1.25 * double(n * n) * std::log2(double(n * n)); }

Pass splitting_setup(const MonDeqConfig& config, Index side) {
  const bool resolvent = config.solver == "peaceman-rachford";
  Pass pass;
  for (const Tier& t : tiers_of(config, side)) {
    const double kernels = 18 * t.f() * t.c * (2 * t.c + (resolvent ? t.c2 : 0));
    add(pass, {kernels, kernels});
    add(pass, per_frequency(t.f(), t.c, t.c, t.c), resolvent ? 2 : 1);
    if (!resolvent || t.c2 == 0) continue;
    const double grams = 8 * t.f() * t.c * t.c2 * (t.c + t.c2);  // of real blocks
    add(pass, {grams, grams});
    add(pass, per_frequency(t.half_f(), t.c2, t.c2, t.c2));
  }
  return pass;
}

double splitting_state(const MonDeqConfig& config, Index side, Index batch) {
  double floats = 0;
  for (const Tier& t : tiers_of(config, side)) floats += t.c * t.places();
  return double(batch) * floats;
}

// Real blocks take four floats per complex number. Forward-backward applies more than one tier's W by
// kernels.
double splitting_frequencies(const MonDeqConfig& config, Index side) {
  const std::vector<Tier> tiers = tiers_of(config, side);
  const bool resolvent = config.solver == "peaceman-rachford";
  double floats = 0;
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    const Tier& t = tiers[i];
    if (!resolvent && tiers.size() > 1)
      floats += 9 * t.c * (2 * t.c + t.c2);
    else  // V, A of later tiers, the sampled convolution and the coarse inverse
      floats += 4 * (t.f() * t.c * (t.c * (i > 0 ? 2 : 1) + t.c2) + t.half_f() * t.c2 * t.c2);
  }
  return floats;
}

Pass splitting_pass(const MonDeqConfig& config, Index side, Index batch, Device device, bool adjoint) {
  const std::vector<Tier> tiers = tiers_of(config, side);
  const double samples = double(batch);
  Pass pass;
  if (config.solver == "peaceman-rachford")
    pass = resolvent(tiers, samples, device, adjoint);
  else  // a transposed product of convolutions records them first
    add(pass, product(tiers, samples, device), adjoint && tiers.size() > 1 ? 2 : 1);
  pass.history = splitting_state(config, side, batch);
  return pass;
}

Cost ConvMonDeq::cost(const Tensor& x, const Evaluations& solved) const {
  const Index batch = x.dim(0), side = x.dim(2);
  const Device device = x.device();
  const std::vector<Tier> sizes = tiers_of(config_, side);
  const double samples = double(batch);
  const Tier &first = sizes.front(), &last = sizes.back();
  Cost cost;
  add(cost.forward, splitting_setup(config_, side));
  add(cost.forward, splitting_pass(config_, side, batch, device, false), solved.forward);
  add(cost.forward, product(sizes, samples, device));
  add(cost.backward, splitting_pass(config_, side, batch, device, true), solved.backward);
  add(cost.backward, product_gradient(sizes, samples, device));
  cost.kept = 3 * splitting_state(config_, side, batch);  // z at the solution, W z + b, and the output
  cost = cost + map_cost(9 * samples * double(x.dim(1)) * first.c * first.places(), 0, false);
  double cells = last.places();
  if (sizes.size() == 1) {  // a sum over each cell, which is executed as a product with a matrix of cells
    cells = double((last.n / 4) * (last.n / 4));
    Cost pooling = map_cost(samples * last.c * last.places() * cells, samples * last.c * cells, false);
    pooling.forward.nominal = pooling.backward.nominal = 0;
    cost = cost + pooling;
  }
  const double classes = double(out.w.dim(0));
  return cost + map_cost(samples * last.c * cells * classes, samples * classes);
}

}  // namespace stillpoint
