// Solver workloads of monDEQs: what a pass builds, one iteration of the splitting, and whole solves.
#include "tasks/bench/workloads/cost.h"
#include "tasks/bench/workloads/families.h"
#include "tasks/bench/workloads/image_sets.h"
#include "tasks/bench/workloads/networks.h"

namespace stillpoint::bench {
namespace {

// A splitting with its operator. channels: empty for one convolution of `width` channels.
struct SplittingCase {
  MonDeqConfig config;
  std::shared_ptr<ConvMonDeq> model;
  Tensor x;
  std::shared_ptr<const SplittingOperator> w;
  Parts bias, cotangent;
  SplittingOptions options;
};

SplittingCase splitting_case(const ImageSet& set, const std::string& channels, const Sizes& s,
                             Device device) {
  SplittingCase c;
  c.config = mondeq_config(channels.empty() ? std::to_string(s.width) : channels, s);
  c.model = mondeq_model(set, c.config, s, device);
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

void add_rows(std::vector<Workload>& workloads, const ImageSet& set, const std::string& channels) {
  Axes axes{.batch = true, .length = true, .width = channels.empty()};
  axes.solvers = {"peaceman-rachford", "forward-backward"};
  Sizes usual;
  usual.batch = 128;
  usual.length = set.side;
  usual.width = channels.empty() ? set.mondeq : 0;
  usual.evaluations = 1;
  usual.solver = axes.solvers[0];
  const std::string prefix = "solver/" + set.name + (channels.empty() ? "/mondeq-single/" : "/mondeq-multi/");
  workloads.push_back(
      {prefix + "setup", "W, V and the injection of a pass", usual, axes, "",
       [=](const Sizes& s, Device d) { return setup(splitting_case(set, channels, s, d), s); }});
  const auto make = [set, channels](bool adjoint) {
    return
        [=](const Sizes& s, Device d) { return solve(splitting_case(set, channels, s, d), s, d, adjoint); };
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
    for (const std::string& channels : {std::string(), set.tiers}) add_rows(workloads, set, channels);
}

}  // namespace stillpoint::bench
