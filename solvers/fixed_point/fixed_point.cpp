// The iteration for z = f(z): evaluates f, judges every sample, keeps the best iterates, stops.
#include "solvers/fixed_point/fixed_point.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include "engine/ops.h"
#include "kernels/device/work_graph.h"

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

// Stands in the trace where a graph skipped an evaluation; residuals are not negative.
constexpr double skipped = -1;

Array row(const Tensor& t, Index r) {
  const Index width = t.size() / t.dim(0);
  return {static_cast<char*>(t.array().data) + r * width * size_of(t.dtype()), width, t.dtype(), t.device()};
}

// The solve's loop. Its state outlives every part of a recorded graph.
class Iteration {
 public:
  Iteration(const FixedPointMap& f, const Tensor& start, SolveMethod& method, const SolveOptions& options)
      : f_(f), method_(method), options_(options), z_(start), best_(clone(start)), state_(start) {
    const Shape shape{std::max<Index>(1, options.max_steps), z_.dim(0)};
    trace_ = in_parts() ? Tensor::full(shape, skipped, z_.options()) : Tensor::empty(shape, z_.options());
    at_ = {.rule = {options.relative, options.tolerance, options.divergence},
           .state = state_.arrays(),
           .best = best_};
  }
  // Evaluates f at most so many times.
  void run(Index most) {
    const bool asks = options_.check_every > 0 && !kernels::prepares_graph();
    for (Index end = std::min(step_ + most, options_.max_steps); step_ < end;) {
      judge();
      const bool asks_now = asks && step_ % options_.check_every == 0;
      if (at_.last || (asks_now && kernels::count_running(at_.state) == 0)) {
        kernels::copy_where(at_.state.better, z_.array(), best_.array());
        break;
      }
      z_ = method_.advance(at_);
    }
  }
  // The same in a graph, where each evaluation is a part that runs if the one before has left samples
  // running.
  void run_in_parts() {
    run(1);
    while (step_ < options_.max_steps) {
      const kernels::GraphPart next;
      next.ask(at_.state.status, std::int32_t(SampleStatus::running));
      next.run([&] { run(1); });
    }
  }
  // Returns whether a graph that records the solve is to end it. Without a tolerance it hardly could.
  bool in_parts() const {
    return z_.device() == Device::cuda && options_.tolerance > 0 && options_.max_steps > 1 &&
           kernels::prepares_graph();
  }
  PendingSolution result() const {
    return {best_, {step_, state_.status, state_.steps, state_.lowest, trace_}};
  }

 private:
  void judge() {
    at_.z = z_;
    at_.f = f_(z_);
    require(at_.f.shape() == z_.shape() && at_.f.dtype() == z_.dtype() && at_.f.device() == z_.device(),
            "solve: given z of shape ", to_text(z_.shape()), " f gave ", to_text(at_.f.shape()), ' ',
            name_of(at_.f.dtype()), ", expected its value to be like z, change f");
    at_.trace = row(trace_, step_++);
    at_.step = step_;
    at_.last = step_ == options_.max_steps;
    method_.judge(at_);
  }

  const FixedPointMap& f_;
  SolveMethod& method_;
  const SolveOptions& options_;
  Tensor z_, best_;
  State state_;
  Tensor trace_;
  SolvePoint at_;
  Index step_ = 0;
};

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
  if (steps_ == 0) return report;
  report.trace = slice(trace_, {0, 0}, {steps_, trace_.dim(1)}).values();
  const std::size_t samples = status.size();
  while (report.trace[report.trace.size() - samples] == skipped)
    report.trace.resize(report.trace.size() - samples);
  report.steps = Index(report.trace.size() / samples);
  return report;
}

PendingSolution start_solve(const FixedPointMap& f, const Tensor& z0, SolveMethod& method,
                            const SolveOptions& options) {
  require(z0.rank() > 0 && z0.size() > 0, "solve: given a start of shape ", to_text(z0.shape()),
          ", expected (samples, ...) with elements, give one row per sample");
  require(options.max_steps >= 0 && options.check_every >= 0, "solve: given max_steps ", options.max_steps,
          " and check_every ", options.check_every, ", expected them not to be negative, change them");
  const Recording off(false);
  Iteration iteration(f, z0.detach(), method, options);
  iteration.in_parts() ? iteration.run_in_parts() : iteration.run(options.max_steps);
  return iteration.result();
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
