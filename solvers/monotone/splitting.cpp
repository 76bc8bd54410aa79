// The iteration loop of both splittings, for solutions and for adjoints.
#include "solvers/monotone/splitting.h"

#include <limits>

#include "engine/ops.h"
#include "engine/ops/fused_sums.h"
#include "kernels/monotone/frequencies.h"
#include "kernels/monotone/splitting_steps.h"

namespace stillpoint {
namespace {

void check_options(const SplittingOptions& o) {
  require(o.alpha > 0 && o.alpha < std::numeric_limits<double>::infinity(),
          "splitting: given a step size of ", o.alpha, ", expected a positive one, set alpha to 1 or less");
  require(o.max_iterations >= 0 && o.check_every >= 0 && o.tolerance >= 0, "splitting: given max_iterations ",
          o.max_iterations, ", check_every ", o.check_every, " and tolerance ", o.tolerance,
          ", expected none of them to be negative, change them");
}

void check_parts(const SplittingOperator& w, const Parts& parts) {
  require(!parts.empty() && parts[0].size() > 0,
          "splitting: given a state without elements, expected samples, check the batch");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Tensor& x = parts[i];
    require(x.rank() == 3 && x.dim(0) == w.side(i) * w.side(i), "splitting: given part ", i, " of shape ",
            to_text(x.shape()), ", expected (", w.side(i) * w.side(i), ", channels, samples), use to_places");
  }
}

// Owns the arrays of a kernels::SplittingState.
struct State {
  Tensor status, steps, residual, first, trace;
  State(Index max_iterations, TensorOptions options) {
    const TensorOptions whole{DType::int32, options.device};
    status = Tensor::zeros({1}, whole);
    steps = Tensor::zeros({1}, whole);
    residual = Tensor::full({1}, std::numeric_limits<double>::infinity(), options);
    first = Tensor::zeros({1}, options);
    trace = Tensor::full({std::max<Index>(1, max_iterations), 1}, 0, options);
  }
  kernels::SplittingState arrays() const {
    return {status.array(), steps.array(), residual.array(), first.array()};
  }
  Array trace_at(Index step) const {
    const Array all = trace.array();
    return {static_cast<char*>(all.data) + step * size_of(all.dtype), 1, all.dtype, all.device};
  }
};

// z holds the solution if the iteration solves the adjoint ("backward"), and is empty otherwise.
struct Iteration {
  const SplittingOperator& w;
  const SplittingOptions& options;
  Parts u, shift, z;
  std::vector<Tensor> sums;

  Iteration(const SplittingOperator& map, const SplittingOptions& o, const Parts& s, const Parts& solution)
      : w(map), options(o), shift(s), z(solution) {
    for (const Tensor& part : s) {
      u.push_back(Tensor::zeros(part.shape(), part.options()));
      sums.push_back(
          Tensor::empty({kernels::splitting_sums(part.dim(0), part.dim(1) * part.dim(2))}, part.options()));
    }
  }
  bool backward() const { return !z.empty(); }
  kernels::SplittingPart part(std::size_t i) const {
    return {u[i].array(), shift[i].array(), backward() ? z[i].array() : Array{}, w.side(i)};
  }
  void step(const State& state) const {
    if (options.method == SplittingMethod::forward_backward) {
      const Parts product = w.apply(u, backward());
      for (std::size_t i = 0; i < u.size(); ++i)
        kernels::forward_backward(part(i), options.alpha, product[i].array(), state.arrays(),
                                  sums[i].array());
      return;
    }
    Parts r;
    for (std::size_t i = 0; i < u.size(); ++i) {
      r.push_back(Tensor::empty(u[i].shape(), u[i].options()));
      kernels::peaceman_rachford_before(part(i), options.alpha, r[i].array());
    }
    const Parts v = w.resolve(r, backward());
    for (std::size_t i = 0; i < u.size(); ++i)
      kernels::peaceman_rachford_after(part(i), options.alpha, v[i].array(), state.arrays(), sums[i].array());
  }
  Parts iterate() const {
    if (options.method == SplittingMethod::forward_backward) return u;
    Parts value;
    for (std::size_t i = 0; i < u.size(); ++i) {
      value.push_back(Tensor::empty(u[i].shape(), u[i].options()));
      kernels::splitting_iterate(part(i), options.alpha, value[i].array());
    }
    return value;
  }
};

SplittingSolution run(const SplittingOperator& w, const Parts& shift, const Parts& z,
                      const SplittingOptions& options) {
  check_options(options);
  check_parts(w, shift);
  const Recording off(false);
  const Iteration iteration(w, options, shift, z);
  const State state(options.max_iterations, shift[0].options());
  std::vector<Array> sums;
  for (const Tensor& s : iteration.sums) sums.push_back(s.array());
  Index step = 0;
  while (step < options.max_iterations) {
    iteration.step(state);
    ++step;
    kernels::judge_splitting(sums, {step, options.tolerance, options.divergence, iteration.backward()},
                             state.arrays(), state.trace_at(step - 1));
    if (options.check_every > 0 && step % options.check_every == 0 &&
        !kernels::splitting_runs(state.arrays()))
      break;
  }
  if (step == 0) return {iteration.u, {0, state.status, state.steps, state.residual, state.trace}};
  return {iteration.iterate(), {step, state.status, state.steps, state.residual, state.trace}};
}

}  // namespace

SplittingMethod splitting_method_named(const std::string& name) {
  if (name == "peaceman-rachford") return SplittingMethod::peaceman_rachford;
  require(name == "forward-backward", "splitting: given the method '", name,
          "', expected peaceman-rachford or forward-backward, choose one");
  return SplittingMethod::forward_backward;
}

SplittingSolution solve_splitting(const SplittingOperator& w, const Parts& b,
                                  const SplittingOptions& options) {
  return run(w, b, {}, options);
}

SplittingSolution solve_splitting_adjoint(const SplittingOperator& w, const Parts& z, const Parts& g,
                                          const SplittingOptions& options) {
  require(z.size() == g.size() && !z.empty(), "splitting: given ", z.size(), " parts of z and ", g.size(),
          " of its cotangent, expected one of each per tier");
  for (std::size_t i = 0; i < z.size(); ++i)
    require(z[i].shape() == g[i].shape(), "splitting: given z of shape ", to_text(z[i].shape()),
            " and a cotangent of ", to_text(g[i].shape()), ", expected equal shapes, check the parts");
  SplittingSolution u = run(w, g, z, options);
  if (!options.adjoint_product) return u;
  const Recording off(false);
  const Parts product = w.apply(u.z, true);
  for (std::size_t i = 0; i < z.size(); ++i) u.z[i] = gate(g[i] + product[i], z[i]);
  return u;
}

double tuned_step_size(double current, Index max_iterations,
                       const std::function<Index(double alpha)>& iterations, double largest) {
  double alpha = largest;
  Index before = iterations(alpha), now = before;
  while (alpha > 1e-4 && now <= before) {
    before = now;
    alpha /= 2;
    now = iterations(alpha);
  }
  return before >= max_iterations ? current : 2 * alpha;
}

Tensor to_places(const Tensor& x) {
  require(x.rank() == 2 || x.rank() == 4, "to_places: given shape ", to_text(x.shape()),
          ", expected (samples, channels) or (samples, channels, side, side)");
  const Index n = x.dim(0), c = x.dim(1), places = x.rank() == 2 ? 1 : x.dim(2) * x.dim(3);
  const Tensor y = Tensor::empty({places, c, n}, x.options());
  kernels::swap_ends(n, c, places, x.array(), y.array());
  return y;
}

Tensor from_places(const Tensor& z, const Shape& like) {
  const Tensor x = Tensor::empty(like, z.options());
  require(x.size() == z.size(), "from_places: given ", to_text(z.shape()), " for ", to_text(like),
          ", expected as many elements");
  kernels::swap_ends(z.dim(0), z.dim(1), z.dim(2), z.array(), x.array());
  return x;
}

}  // namespace stillpoint
