// Solver workloads of monDEQs: what a pass builds, one iteration of the splitting, and whole solves.
#include "models/cost/solver_costs.h"
#include "tasks/bench/workloads/calls.h"
#include "tasks/bench/workloads/families.h"
#include "tasks/bench/workloads/problems.h"

namespace stillpoint::bench {
namespace {

// A splitting with its operator.
struct SplittingCase {
  MonDeqConfig config;
  std::shared_ptr<ConvMonDeq> model;
  Tensor x;
  std::shared_ptr<const SplittingOperator> w;
  Parts bias, cotangent;
  SplittingOptions options;
};

// `tiers` are the channels of more than one; empty for one convolution of the sizes' width.
SplittingCase splitting_case(const ImageSet& set, const std::string& tiers, const Sizes& s, Device device) {
  SplittingCase c;
  c.config = {.channels = tiers.empty() ? std::to_string(s.width) : tiers,
              .solver = s.solver,
              .tolerance = s.tolerance,
              .max_iterations = evaluations_of(s),
              .check_every = s.tolerance > 0 ? 1 : 0};
  Initializer init(0, {DType::float32, device});
  c.model = std::make_shared<ConvMonDeq>(init, c.config, set.colours, s.length);
  c.x = set.images(s, device);
  const Recording off(false);
  const ConvMap f = c.model->map(c.x);
  c.w = c.model->splitting_operator(f);
  for (std::size_t i = 0; i < f.shapes.size(); ++i) {
    c.bias.push_back(to_places(f.bias[i].defined() ? f.bias[i] : Tensor::zeros(f.shapes[i], c.x.options())));
    c.cotangent.push_back(normal_data(c.bias[i].shape(), 3 + i, device));
  }
  c.options = c.model->splitting();
  return c;
}

Call setup(const SplittingCase& c, const Sizes& s) {
  // Besides W and V a pass begins with the injection of the images.
  const double injection = double(c.model->inject_w.size() * s.batch * c.bias[0].dim(0));
  return {.work = work_of(splitting_setup(c.config, s.length) + Pass{injection, injection},
                          double(params_of(*c.model).count() + c.x.size() + c.bias[0].size()) +
                              splitting_frequencies(c.config, s.length)),
          .examples = s.batch,
          .run = [c] {
            const Recording off(false);
            c.model->splitting_operator(c.model->map(c.x));
          }};
}

Call solve(const SplittingCase& c, const Sizes& s, Device device, bool adjoint) {
  std::function<SplittingSolution()> solve = [c] { return solve_splitting(*c.w, c.bias, c.options); };
  if (adjoint)
    solve = [c, z = solve().z] { return solve_splitting_adjoint(*c.w, z, c.cotangent, c.options); };
  const double state = splitting_state(c.config, s.length, s.batch);
  const Pass iteration = splitting_pass(c.config, s.length, s.batch, device, adjoint);
  return solve_call(
      s, [solve] { return solve().report; }, adjoint,
      [=](double evaluations) {
        return work_of(evaluations * iteration,
                       splitting_frequencies(c.config, s.length) + (adjoint ? 3 : 2) * state);
      });
}

void add_rows(std::vector<Workload>& workloads, const ImageSet& set, const std::string& model) {
  const std::string channels = image_models().bench(model).channels.of(set.colours),
                    tiers = channels.find(',') == channels.npos ? "" : channels;
  Axes axes{.batch = true, .length = true, .width = tiers.empty()};
  axes.solvers = {"peaceman-rachford", "forward-backward"};
  Sizes usual;
  usual.batch = 128;
  usual.length = set.side;
  usual.width = tiers.empty() ? parse_channels(channels)[0] : 0;
  usual.evaluations = 1;
  usual.solver = axes.solvers[0];
  const std::string prefix = "solver/" + set.name + "/" + model + "/";
  workloads.push_back({prefix + "setup", "W, V and the injection of a pass", usual, axes, "",
                       [=](const Sizes& s, Device d) { return setup(splitting_case(set, tiers, s, d), s); }});
  const auto make = [set, tiers](bool adjoint) {
    return [=](const Sizes& s, Device d) { return solve(splitting_case(set, tiers, s, d), s, d, adjoint); };
  };
  workloads.push_back({prefix + "iteration", "one iteration of the splitting", usual, axes, "", make(false)});
  usual.evaluations = 10;
  axes.evaluations = true;
  workloads.push_back({prefix + "forward", "a solve by splitting", usual, axes, "", make(false)});
  workloads.push_back(
      {prefix + "backward", "a solve of the adjoint by splitting", usual, axes, "", make(true)});
}

}  // namespace

void add_splittings(std::vector<Workload>& workloads) {
  for (const ImageSet& set : image_sets())
    for (const char* const model : {"mondeq-single", "mondeq-multi"}) add_rows(workloads, set, model);
}

}  // namespace stillpoint::bench
