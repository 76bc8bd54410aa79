// Renames parameters.
#include "tasks/export/torch_weights.h"

#include <regex>

#include "kernels/device/error.h"

namespace stillpoint {
namespace {

std::string torch_name(const std::string& name) {
  static const std::vector<std::pair<std::regex, std::string>> rules{
      {std::regex(R"(^phi\.conv(\d)\.norm\.gain$)"), "phi.norm$1.weight"},
      {std::regex(R"(^phi\.conv(\d)\.norm\.shift$)"), "phi.norm$1.bias"},
      {std::regex(R"(^phi\.conv(\d)\.norm\.mean$)"), "phi.norm$1.running_mean"},
      {std::regex(R"(^phi\.conv(\d)\.norm\.variance$)"), "phi.norm$1.running_var"},
      {std::regex(R"(^koopman\.(vt|u)$)"), "koopman.$1.weight"},
      {std::regex(R"(^(.*)\.w$)"), "$1.weight"},
      {std::regex(R"(^(.*)\.b$)"), "$1.bias"},
      {std::regex(R"(^psi\.omega$)"), "psi.omega"}};
  for (const auto& [pattern, replacement] : rules)
    if (std::regex_match(name, pattern)) return std::regex_replace(name, pattern, replacement);
  fail("export: given the parameter ", name,
       ", which no layer of PyTorch has, expected a model that only feeds ",
       "forward (sim or sim2), choose such a run");
}

}  // namespace

std::vector<NamedTensor> torch_weights(const ParamList& params) {
  std::vector<NamedTensor> all = params.trainable(), out;
  all.insert(all.end(), params.buffers().begin(), params.buffers().end());
  for (const NamedTensor& p : all) out.push_back({torch_name(p.name), p.tensor.detach()});
  return out;
}

}  // namespace stillpoint
