// Tests solves that a CUDA graph records: a replay ends when all samples have stopped.
#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "kernels/device/work_graph.h"
#include "kernels/elementwise/elementwise.h"
#include "solvers/fixed_point/fixed_point.h"
#include "tests/support/catch.h"
#include "tests/support/cuda_machine.h"
#include "tests/support/toy_map.h"

namespace stillpoint {
namespace {

constexpr Index most_steps = 20;

// A solve from `start`, which may change between replays, of a map that counts its evaluations.
struct RecordedSolve {
  Toy map{Device::cuda, {.1, -.2, .5, .9}};
  Tensor start = Tensor::zeros({2, 2}, map.b.options()), evaluations = Tensor::zeros({1}, map.b.options());
  std::function<std::unique_ptr<SolveMethod>()> method;
  SolveOptions options;
  kernels::WorkGraph graph;
  PendingSolution solution;

  PendingSolution solve() const {
    const auto f = [this](const Tensor& z) {
      kernels::affine(evaluations.array(), 1, 1, evaluations.array());
      return map(z);
    };
    const auto used = method();
    return start_solve(f, start, *used, options);
  }
  void record() {
    const auto work = [this] {
      solution = {};
      solution = solve();
    };
    graph.warm_up(work);
    graph.record(work);
  }
  // Replays from a start with this value, and compares with the unrecorded solve that never asks.
  void check(double value) {
    start.assign(Tensor::full(start.shape(), value, start.options()));
    evaluations.assign(Tensor::zeros({1}, start.options()));
    graph.replay();
    const double count = evaluations.item();
    const SolveReport found = solution.report.read();
    const Index asked = std::exchange(options.check_every, 0);
    const PendingSolution whole = solve();
    options.check_every = asked;
    const SolveReport expected = whole.report.read();
    Index longest = 0;
    for (std::size_t b = 0; b < expected.samples.size(); ++b) {
      CHECK(found.samples[b].status == expected.samples[b].status);
      CHECK(found.samples[b].steps == expected.samples[b].steps);
      longest = std::max(longest, expected.samples[b].steps);
    }
    CHECK(solution.z.values() == whole.z.values());
    CHECK(count == double(longest));
    CHECK(found.steps == Index(count));
    CHECK(std::equal(found.trace.begin(), found.trace.end(), expected.trace.begin()));
    CHECK(found.trace.size() == std::size_t(2 * found.steps));
  }
};

}  // namespace

// Its values are those of a solve that does not end.
TEST_CASE("a recorded solve ends when all samples have stopped", "[cuda][solvers]") {
  const std::function<std::unique_ptr<SolveMethod>()> methods[] = {
      [] { return picard(); }, [] { return anderson(); }, [] { return broyden({.memory = 4}); },
      [] { return broyden({.line_search = true}); }};
  for (const auto& method : methods) {
    // Outside of a graph, the host would be asked.
    RecordedSolve solve{.method = method,
                        .options = {.max_steps = most_steps, .tolerance = 1e-3, .check_every = 3},
                        .graph = {},
                        .solution = {}};
    solve.record();
    INFO("method " << &method - methods);
    for (const double start : {0.0, 0.9, -30.0, 0.0}) solve.check(start);
    // A sample that is not finite stops at once.
    solve.start.assign(
        Tensor::full(solve.start.shape(), std::numeric_limits<double>::quiet_NaN(), solve.start.options()));
    solve.evaluations.assign(Tensor::zeros({1}, solve.start.options()));
    solve.graph.replay();
    CHECK(solve.evaluations.item() == 1);
    CHECK(solve.solution.report.read().samples[1].status == SampleStatus::non_finite);
  }
}

TEST_CASE("a recorded solve without a tolerance takes all steps", "[cuda][solvers]") {
  RecordedSolve solve{.method = [] { return picard(); },
                      .options = {.max_steps = 5, .tolerance = 0, .check_every = 2},
                      .graph = {},
                      .solution = {}};
  solve.record();
  solve.graph.replay();
  CHECK(solve.evaluations.item() == 10);  // those of the warm-up, too
  CHECK(solve.solution.report.read().steps == 5);
}

}  // namespace stillpoint
