// Lists which settings are used only with certain values of others.
#include "tasks/settings/idle_settings.h"

#include <algorithm>
#include <string_view>

namespace stillpoint {
namespace {

// The settings of a task (empty: of every task) do something only if one of `owners` has one of `values`.
struct Use {
  std::string_view task;
  std::vector<std::string> settings, owners, values;
};

const std::vector<Use>& uses() {
  static const std::vector<Use> all{
      {"", {"beta1", "beta2", "eps"}, {"optimiser"}, {"adam"}},
      {"", {"momentum"}, {"optimiser"}, {"sgd"}},
      {"", {"beta1"}, {"schedule"}, {"constant", "step", "cosine"}},  // 1cycle changes beta1
      {"", {"step_epochs"}, {"schedule"}, {"step"}},
      {"", {"precision"}, {"dtype"}, {"float32"}},
      {"copy-memory", {"tcn_blocks", "tcn_channels", "tcn_kernel"}, {"model"}, {"single", "two", "tcn"}},
      {"copy-memory", {"d_phi", "hidden", "fold"}, {"model"}, {"single", "two"}},
      {"copy-memory", {"d_psi", "bandwidth"}, {"model"}, {"two"}},
      {"copy-memory",
       {"deq_features", "deq_heads", "deq_inner", "deq_weight_norm", "solver", "adjoint_solver",
        "solver_steps", "adjoint_steps", "solver_tolerance", "adjoint_tolerance", "anderson_beta",
        "line_search", "gradient", "gradient_steps", "gradient_damping", "reuse_inverse", "jacobian_weight",
        "check_every"},
       {"model"},
       {"deq"}},
      {"copy-memory",
       {"solver", "solver_steps", "solver_tolerance", "line_search"},
       {"gradient"},
       {"implicit", "phantom", "jfb"}},
      {"copy-memory",
       {"adjoint_solver", "adjoint_steps", "adjoint_tolerance", "reuse_inverse"},
       {"gradient"},
       {"implicit"}},
      {"copy-memory", {"gradient_steps"}, {"gradient"}, {"phantom", "unrolled", "reversible"}},
      {"copy-memory", {"gradient_damping"}, {"gradient"}, {"phantom", "reversible"}},
      {"copy-memory", {"line_search", "reuse_inverse"}, {"solver"}, {"broyden"}},
      {"copy-memory", {"anderson_beta"}, {"solver", "adjoint_solver"}, {"anderson"}},
      {"image-regression", {"phi_hidden", "d_phi"}, {"model"}, {"single", "two"}},
      {"image-regression", {"d_psi", "bandwidth"}, {"model"}, {"two", "rff"}},
      {"image-classification", {"d_phi", "hidden", "fold"}, {"model"}, {"sim", "sim2"}},
      {"image-classification", {"d_psi", "bandwidth"}, {"model"}, {"sim2"}},
      {"image-classification",
       {"tune_alpha", "m", "alpha", "splitting", "tolerance", "max_iterations", "check_every"},
       {"model"},
       {"mondeq-single", "mondeq-multi"}}};
  return all;
}

bool holds(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

void require_used(const Use& use, const std::string& setting, const std::string& source, const Json& config,
                  const std::set<std::string>& open) {
  std::string given;
  for (const std::string& owner : use.owners) {
    const std::string value = config.at(owner).get<std::string>();
    if (open.contains(owner) || holds(use.values, value)) return;
    given += text(given.empty() ? "" : " and ", owner, " ", value);
  }
  fail(source, ": ", setting, " is given with ", given, ", where it would do nothing, expected it with ",
       join(use.owners), " ", join(use.values), ", leave it out or set ", use.owners.front());
}

}  // namespace

void refuse_idle_settings(const TaskKind& kind, const std::vector<SettingsLayer>& layers, const Json& config,
                          const std::set<std::string>& open) {
  for (const SettingsLayer& layer : layers) {
    if (layer.values != Written::spelled) continue;
    for (const auto& [setting, value] : layer.object.items())
      for (const Use& use : uses())
        if ((use.task.empty() || use.task == kind.name()) && holds(use.settings, setting))
          require_used(use, setting, layer.source, config, open);
  }
}

}  // namespace stillpoint
