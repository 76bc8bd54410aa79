// The iteration for z = f(z): evaluates f, judges every sample, keeps the best iterates, stops.
#include "solvers/fixed_point/fixed_point.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include "engine/ops.h"

namespace stillpoint {
namespace {

// Owns the arrays of a kernels::RootState.
struct State {
  Tensor lowest, first, status, steps, better;

  explicit State(const Tensor& z) {
    const Shape samples{z.dim(0)};
    lowest = Tensor::full({2, z.dim(0)}, std::numeric_limits<double>::infinity(), z.options());
    first = Tensor::zeros(samples, z.options());
    const TensorOptions whole{DType::int32, z.device()};
    status = Tensor::zeros(samples, whole);
    steps = Tensor::zeros(samples, whole);
    better = Tensor::zeros(samples, whole);
  }
  kernels::RootState arrays() const {
    return {lowest.array(), first.array(), status.array(), steps.array(), better.array()};
  }
};

Array row(const Tensor& t, Index r) {
  const Index width = t.size() / t.dim(0);
  return {static_cast<char*>(t.array().data) + r * width * size_of(t.dtype()), width, t.dtype(), t.device()};
}

}  // namespace

void SolveMethod::judge(const SolvePoint& at) {
  kernels::judge_residuals(at.z.array(), at.f.array(), at.step, at.rule, at.state, at.trace);
}

SolveReport PendingReport::read() const {
  SolveReport report;
  report.steps = steps_;
  if (!status_.defined()) return report;
  report.converged = true;
  const std::vector<double> status = status_.values(), taken = taken_.values(), lowest = lowest_.values();
  for (std::size_t b = 0; b < status.size(); ++b) {
    report.samples.push_back({SampleStatus(int(status[b])), Index(taken[b]), lowest[b]});
    report.converged = report.converged && report.samples.back().status == SampleStatus::converged;
    report.residual = std::max(report.residual, lowest[b]);
  }
  if (steps_ > 0) report.trace = slice(trace_, {0, 0}, {steps_, trace_.dim(1)}).values();
  return report;
}

PendingSolution start_solve(const FixedPointMap& f, const Tensor& z0, SolveMethod& method,
                            const SolveOptions& options) {
  require(z0.rank() > 0 && z0.size() > 0, "solve: given a start of shape ", to_text(z0.shape()),
          ", expected (samples, ...) with elements, give one row per sample");
  require(options.max_steps >= 0 && options.check_every >= 0, "solve: given max_steps ", options.max_steps,
          " and check_every ", options.check_every, ", expected them not to be negative, change them");
  const Recording off(false);
  Tensor z = z0.detach();
  const Tensor best = clone(z);
  const State state(z);
  const Tensor trace = Tensor::empty({std::max<Index>(1, options.max_steps), z.dim(0)}, z.options());
  SolvePoint at{.rule = {options.relative, options.tolerance, options.divergence},
                .state = state.arrays(),
                .best = best};
  Index step = 0;
  while (step < options.max_steps) {
    at.z = z;
    at.f = f(z);
    require(at.f.shape() == z.shape() && at.f.dtype() == z.dtype() && at.f.device() == z.device(),
            "solve: given z of shape ", to_text(z.shape()), " f gave ", to_text(at.f.shape()), ' ',
            name_of(at.f.dtype()), ", expected its value to be like z, change f");
    at.trace = row(trace, step++);
    at.step = step;
    at.last = step == options.max_steps;
    method.judge(at);
    const bool asks = options.check_every > 0 && step % options.check_every == 0;
    if (at.last || (asks && kernels::count_running(at.state) == 0)) {
      kernels::copy_where(at.state.better, z.array(), best.array());
      break;
    }
    z = method.advance(at);
  }
  return {best, {step, state.status, state.steps, state.lowest, trace}};
}

Solution solve(const FixedPointMap& f, const Tensor& z0, SolveMethod& method, const SolveOptions& options) {
  const PendingSolution pending = start_solve(f, z0, method, options);
  return {pending.z, pending.report.read()};
}

std::string to_text(const SolveReport& report) {
  Index count[4] = {};
  for (const SampleReport& sample : report.samples) ++count[int(sample.status)];
  std::ostringstream text;
  text << report.steps << " steps, residual " << report.residual << ", "
       << count[int(SampleStatus::converged)] << " of " << report.samples.size() << " samples converged";
  if (const Index n = count[int(SampleStatus::non_finite)]; n > 0) text << ", " << n << " not finite";
  if (const Index n = count[int(SampleStatus::diverged)]; n > 0) text << ", " << n << " diverged";
  return text.str();
}

}  // namespace stillpoint
