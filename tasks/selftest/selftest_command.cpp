// Adds the flags of the self-test and of `info`, and runs them.
#include "tasks/selftest/selftest_command.h"

#include <CLI/CLI.hpp>

#include "tasks/selftest/info.h"

namespace stillpoint {

void SelftestFlags::add_to(CLI::App& app) {
  common.add_to(app);
  app.add_option("--only", request.only,
                 text("shell pattern of checks and times: 'op *', 'model ", task_kinds()[0]->name(), " *'"));
  add_precision(app, precision);
  app.add_flag("--json", request.json, "print one JSON object per line");
  app.add_flag("--no-timing", no_timing, "run only the checks");
}

int SelftestFlags::run(std::ostream& out) {
  request.device = common.apply();
  request.precision = kernels::precision_named(precision);
  request.timing = !no_timing;
  return selftest(request, out) ? 0 : 1;
}

void InfoFlags::add_to(CLI::App& app) {
  CLI::Option* const asked =
      app.add_flag("--plans", plans, "print what cuDNN and cublasLt choose for each model's step on CUDA");
  app.add_option("--only", request.only, text("shell pattern of models: '", task_kinds()[0]->name(), " *'"))
      ->needs(asked);
  add_settings(app, request.assignments)->needs(asked);
  add_precision(app, precision)->needs(asked);
}

int InfoFlags::run(std::ostream& out) {
  if (!plans) return out << describe_system(), 0;
  device_named("cuda");
  request.precision = kernels::precision_named(precision);
  return print_plans(request, out) ? 0 : 1;
}

}  // namespace stillpoint
