// Solver workloads of the DEQ: an evaluation, a product with J^T, whole solves, and the steps by themselves.
#include <cmath>

#include "engine/ops/fused_sums.h"
#include "models/cost/solver_costs.h"
#include "tasks/bench/workloads/calls.h"
#include "tasks/bench/workloads/families.h"

namespace stillpoint::bench {
namespace {

// The cell of a DEQ for random tokens, and a point near its solution.
struct CellCase {
  DeqConfig config;
  DeqCell f;
  Tensor z;
  double floats;  // that f reads besides z
};

CellCase cell_case(const Sizes& s, Device device) {
  constexpr Index vocabulary = 10;
  Initializer init(0, {DType::float32, device});
  const Recording off(false);
  CellCase c{{.d = s.width, .inner = s.width}, {}, {}, 0};
  c.f = DeqTransformer(init, c.config, vocabulary)
            .cell(integer_data({s.batch, s.length}, 1, vocabulary - 1, device));
  c.z = c.f(c.f(Tensor::zeros({s.batch, s.length, s.width}, init.options())));
  for (const Tensor& t : c.f.tensors()) c.floats += double(t.size());
  return c;
}

std::unique_ptr<SolveMethod> method_of(const std::string& name, Index evaluations) {
  const Index memory = std::max<Index>(1, evaluations);
  if (name == "anderson") return anderson();
  if (name == "picard") return picard();
  if (name == "gmres") return gmres({.memory = memory});
  return broyden({.memory = memory});
}

Call cell_evaluation(const Sizes& s, Device device) {
  const CellCase c = cell_case(s, device);
  return {
      .work = work_of(deq_cell_cost(c.config, s.batch, s.length).forward, c.floats + 2 * double(c.z.size())),
      .examples = s.batch,
      .run = [c] {
        const Recording off(false);
        c.f(c.z);
      }};
}

Call cell_product(const Sizes& s, Device device) {
  const CellCase c = cell_case(s, device);
  const Cost cost = deq_cell_cost(c.config, s.batch, s.length);
  const Tensor z = c.z.variable(), y = c.f(z), u = normal_data(z.shape(), 3, device);
  return {.work = work_of(cost.backward, c.floats + cost.kept + 2 * double(z.size())),
          .examples = s.batch,
          .run = [z, y, u] { grad(y, {z}, u); }};
}

SolveOptions options_of(const Sizes& s, Device device, bool relative) {
  return {.max_steps = evaluations_of(s),
          .tolerance = s.tolerance * (relative ? 1 : std::sqrt(double(s.length * s.width))),
          .relative = relative,
          .check_every = s.tolerance > 0 || device == Device::cpu ? 1 : 0};
}

Call forward_solve(const Sizes& s, Device device) {
  const CellCase c = cell_case(s, device);
  const Tensor z0 = Tensor::zeros(c.z.shape(), c.z.options());
  const auto solve = [c, z0, s, options = options_of(s, device, false)] {
    return start_solve(c.f, z0, *method_of(s.solver, options.max_steps), options).report;
  };
  return solve_call(s, solve, false, [c, s](double evaluations) {
    return work_of(evaluations * deq_cell_cost(c.config, s.batch, s.length).forward +
                       root_solver_pass(s.solver, double(c.z.size()), evaluations),
                   c.floats + double(c.z.size()));
  });
}

// At a solution, where J is what training meets.
Call backward_solve(const Sizes& s, Device device) {
  const CellCase c = cell_case(s, device);
  const Tensor z = start_solve(c.f, c.z, *broyden(), {.tolerance = 0, .check_every = 0}).z.variable();
  const Tensor y = c.f(z), g = normal_data(z.shape(), 3, device);
  const auto solve = [z, y, g, s, options = options_of(s, device, true)] {
    const auto adjoint = [&](const Tensor& u) { return grad_plus(y, z, u, g); };
    return start_solve(adjoint, g, *method_of(s.solver, options.max_steps), options).report;
  };
  return solve_call(s, solve, true, [c, s](double evaluations) {
    const Cost cost = deq_cell_cost(c.config, s.batch, s.length);
    return work_of(evaluations * cost.backward + root_solver_pass(s.solver, double(c.z.size()), evaluations),
                   c.floats + cost.kept + 2 * double(c.z.size()));
  });
}

// A solve without evaluations of f: its values were drawn before.
Call steps(const Sizes& s, Device device) {
  const Shape shape{s.batch, s.length, s.width};
  const Tensor z0 = normal_data(shape, 0, device);
  std::vector<Tensor> values;
  for (Index i = 0; i < s.evaluations; ++i)
    values.push_back(normal_data(shape, std::uint64_t(i + 1), device));
  const double state = double(count(shape));
  return {.work = work_of(root_solver_pass(s.solver, state, double(s.evaluations)), 0),
          .examples = s.batch,
          .run = [z0, values, s] {
            auto value = values.begin();
            start_solve([&](const Tensor&) { return *value++; }, z0, *method_of(s.solver, s.evaluations),
                        {.max_steps = s.evaluations, .tolerance = 0, .divergence = 1e30, .check_every = 0});
          }};
}

}  // namespace

void add_root_solvers(std::vector<Workload>& workloads) {
  const Axes once{.batch = true, .length = true, .width = true};
  Axes solve = once, adjoint = once;
  solve.evaluations = adjoint.evaluations = true;
  solve.solvers = {"broyden", "anderson", "picard"};
  adjoint.solvers = {"broyden", "anderson", "picard", "gmres"};
  Sizes cell;
  cell.batch = 1;
  cell.length = 520;
  cell.width = 40;
  Sizes usual = cell;
  usual.evaluations = 30;
  usual.solver = "broyden";
  workloads.push_back(
      {"solver/deq/evaluation", "f(z) of the DEQ-Transformer once", cell, once, "", cell_evaluation});
  workloads.push_back(
      {"solver/deq/product", "J^T u of the DEQ-Transformer once", cell, once, "", cell_product});
  workloads.push_back({"solver/deq/forward", "a solve of z = f(z)", usual, solve, "", forward_solve});
  workloads.push_back(
      {"solver/deq/backward", "a solve of u = J^T u + g", usual, adjoint, "", backward_solve});
  workloads.push_back(
      {"solver/deq/steps", "the steps of a solve, without evaluations of f", usual, adjoint, "", steps});
}

}  // namespace stillpoint::bench
