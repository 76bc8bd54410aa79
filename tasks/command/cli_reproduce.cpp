// Turns the flags of `stillpoint reproduce` into a request.
#include "tasks/command/cli_reproduce.h"

#include <algorithm>

#include "kernels/host/threads.h"
#include "tasks/command/cli_values.h"
#include "tasks/selftest/info.h"

namespace stillpoint {

void ReproduceFlags::add_to(CLI::App& app) {
  app_ = &app;
  app.add_option("WHAT", request.what, "a table or a figure of the paper")
      ->required()
      ->transform(choice({"table1", "table2", "table3", "fig2", "fig4", "fig5"}));
  app.add_option("--budget", request.minutes,
                 "minutes for this call, shared by the runs that have not started (others run to their end); "
                 "default: all epochs of the settings")
      ->transform(number(0, 1e6, true));
  app.add_option("--seeds", request.seeds, "runs of each cell, with seeds 1, 2, ...")
      ->transform(whole_number(1, 1000))
      ->capture_default_str();
  app.add_option(
         "--search", request.trials,
         "trials of a search for each cell's settings, half of the budget; default: the shipped settings")
      ->transform(whole_number(1, 1000000));
  app.add_option("--only", request.only, "only cells whose preset's name contains this, as in mnist or rff");
  app.add_option(
      "--data", data,
      "folder of the data: mnist/, cifar10/, ... for table2, natural/ and text/ with pictures for table3; "
      "default: $STILLPOINT_DATA");
  app.add_option("--folder", folder, "for runs, tables and figures")->capture_default_str();
  app.add_option("--workers", request.runner.workers, "runs at once; default: one per core, on a GPU one")
      ->transform(whole_number(1, 1024));
  app.add_flag("--dry-run", request.dry,
               "print the runs that would start, and an estimate of their times from a few measured steps");
  common.add_to(app);
  request.runner.workers = 0;  // not given
}

void ReproduceFlags::refuse_idle_flags() const {
  if (request.what == "fig2")
    refuse_idle(*app_,
                {"--seeds", "--data", "--workers", "--device", "--dry-run", "--budget", "--search", "--only"},
                "fig2, which trains nothing");
  if (request.what == "table1" || request.what == "fig4")
    refuse_idle(*app_, {"--data"}, request.what + ", whose data are drawn");
  if (request.dry) refuse_idle(*app_, {"--search"}, "--dry-run, which shows the runs after it");
}

int ReproduceFlags::run(std::ostream& out) {
  refuse_idle_flags();
  const Index cores = kernels::cores();
  request.folder = folder;
  request.data = data;
  if (request.runner.workers == 0)
    request.runner.workers = device_named(common.device) == Device::cuda ? 1 : cores;
  request.runner.threads =
      common.threads > 0 ? common.threads : int(std::max<Index>(1, cores / request.runner.workers));
  set_threads(request.runner.threads);
  request.runner.device = common.device;
  return reproduce(request, out);
}

}  // namespace stillpoint
