// Draws data for workloads, and makes calls of solves.
#include "tasks/bench/workloads/calls.h"

#include "engine/ops.h"
#include "kernels/random/random.h"

namespace stillpoint::bench {

Tensor uniform_data(Shape shape, std::uint64_t stream, Device device) {
  const Tensor y = Tensor::empty(std::move(shape), {DType::float32, device});
  kernels::fill_uniform(y.array(), {7, stream}, 0, 1);
  return y;
}

Tensor normal_data(Shape shape, std::uint64_t stream, Device device) {
  const Tensor y = Tensor::empty(std::move(shape), {DType::float32, device});
  kernels::fill_normal(y.array(), {7, stream}, 0, 1);
  return y;
}

Tensor integer_data(Shape shape, std::uint64_t stream, Index bound, Device device) {
  return affine(uniform_data(std::move(shape), stream, Device::cpu), double(bound), 0)
      .to(DType::int32)
      .to(device);
}

Work work_of(const Pass& pass, double floats) {
  return {2 * pass.executed, 2 * pass.nominal, 4 * (floats + 2 * pass.history)};
}

Call solve_call(const Sizes& s, const std::function<PendingReport()>& solve, bool backward,
                const std::function<Work(double evaluations)>& work) {
  const auto report = std::make_shared<PendingReport>();
  const auto run = [report, solve] {
    *report = {};
    *report = solve();
  };
  double evaluations = double(s.evaluations);
  if (s.tolerance > 0) {
    run();
    evaluations = double(report->read().steps);
  }
  return {.work = work(evaluations),
          .examples = s.batch,
          .run = run,
          .loss = [report] { return report->read().residual; },
          .solved = [report, backward]() -> Evaluations {
            const double steps = double(report->read().steps);
            return backward ? Evaluations{0, steps} : Evaluations{steps, 0};
          }};
}

}  // namespace stillpoint::bench
