// A search's plan from its flags; workers in this process or in copies of it.
#include "tasks/cli_tune.h"

#include <thread>

#include "engine/files.h"
#include "tasks/cli_values.h"
#include "tasks/interrupt.h"
#include "tasks/processes.h"
#include "tasks/search/tune.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

SearchSpace space_of(const TuneFlags& flags, const TaskKind& kind, const std::string& model) {
  const std::string name = flags.space.empty() ? std::string(kind.name()) + "-" + model : flags.space;
  SearchSpace space = name.ends_with(".json") ? read_space(read_json_file(name), name) : load_space(name);
  if (flags.grace > 0) space.asha.grace = flags.grace;
  if (flags.reduction > 0) space.asha.reduction = flags.reduction;
  if (flags.most > 0) space.asha.most = flags.most;
  space.asha.check();
  return space;
}

SearchPlan plan_of(const TuneFlags& flags, const TaskKind& kind) {
  SearchPlan plan;
  plan.kind = &kind;
  plan.settings = flags.settings.layers(kind);
  const std::string model = kind.resolve(plan.settings).value("model", "model");
  plan.space = space_of(flags, kind, model);
  plan.halving = flags.scheduler == "asha";
  plan.seed = std::uint64_t(flags.search_seed);
  plan.trials = flags.trials > 0 ? flags.trials : plan.space.trials;
  plan.study = flags.study.empty() ? std::string(kind.name()) + "-" + model : flags.study;
  plan.folder = fs::absolute(flags.folder.empty() ? fs::path("tune") / plan.study : fs::path(flags.folder));
  plan.storage = flags.storage.empty() ? "sqlite:///" + (plan.folder / "study.db").string() : flags.storage;
  plan.heartbeat = flags.heartbeat;
  plan.retries = flags.retries;
  plan.config(plan.space.draw(plan.seed, 0));  // what does not fit is an error before anything is written
  return plan;
}

}  // namespace

void TuneFlags::add_to(CLI::App& app, std::string_view task) {
  settings.add_to(app, task);
  app.add_option("--space", space,
                 "search space: a JSON file or a name; default TASK-MODEL of the shipped ones");
  app.add_option("--trials", trials, "trials in the whole study; default: the space's")
      ->transform(whole_number(1, 1000000000));
  app.add_option("--workers", workers, "processes that run trials here")
      ->transform(whole_number(1, 1024))
      ->capture_default_str();
  app.add_option("--scheduler", scheduler, "asha: stop trials that fall behind; none: random search")
      ->transform(choice({"asha", "none"}))
      ->capture_default_str();
  app.add_option("--grace", grace, "evaluations before a trial may be stopped; default: the space's")
      ->transform(whole_number(1, 1000000000));
  app.add_option("--reduction", reduction, "reduction factor of asha; default: the space's")
      ->transform(whole_number(2, 1000));
  app.add_option("--most", most, "evaluations after which every trial ends; default: the space's")
      ->transform(whole_number(1, 1000000000));
  app.add_option("--search-seed", search_seed, "seed of the draws")
      ->transform(whole_number(0))
      ->capture_default_str();
  app.add_option("--storage", storage,
                 "sqlite:///FILE or postgresql://..., in Optuna's schema; default: study.db in the folder");
  app.add_option("--study", study, "its name there; default TASK-MODEL. One that is there is gone on with");
  app.add_option("--folder", folder, "for the trials' runs, best.json and study.db; default tune/STUDY");
  app.add_option("--heartbeat", heartbeat,
                 "seconds between a worker's signs of life; after four of them its trial is tried again")
      ->transform(number(0.05, 3600))
      ->capture_default_str();
  app.add_option("--retries", retries, "how often a trial is tried again whose worker has gone silent")
      ->transform(whole_number(0, 1000000))
      ->capture_default_str();
  app.add_flag("--worker", worker, "run trials, start no other processes")->group("");
  common.add_to(app);
}

int TuneFlags::run(const TaskKind& kind, const std::vector<std::string>& arguments, std::ostream& out) const {
  kernels::Communicator& group = worker ? kernels::Communicator::alone() : kernels::Communicator::world();
  require(group.size() == 1 || workers == 1, "--workers: given ", workers, " on ", group.size(),
          " ranks, expected none of its own, every rank is a worker; give mpirun a larger -n");
  SearchPlan plan = plan_of(*this, kind);
  make_folder(plan.folder);
  if (group.size() > 1) return run_ranks(plan, group, out);
  if (workers > 1 && !worker) {
    plan.try_task();  // what does not fit is one error, not one per worker
    plan.open_or_create();
    std::vector<std::string> copy = arguments;
    copy.push_back("--worker");
    if (common.threads == 0)
      copy.push_back(
          text("--threads=", std::max<Index>(1, Index(std::thread::hardware_concurrency()) / workers)));
    const int code = run_copies(copy, workers, 10 * workers, out);
    return summarise(plan, out) || code != 0 ? code : 1;
  }
  plan.device = common.apply();
  const InterruptGuard guard;
  const bool done = run_worker(plan, out);
  const bool found = worker || summarise(plan, out);
  return !done ? 130 : found ? 0 : 1;
}

// Every rank is a worker of the study that rank 0 has made.
int TuneFlags::run_ranks(SearchPlan& plan, kernels::Communicator& group, std::ostream& out) const {
  const InterruptGuard guard;
  group.set_ending(InterruptGuard::interrupted);
  plan.device = common.apply();
  if (group.rank() == 0) plan.open_or_create();
  group.barrier();
  const bool done = run_worker(plan, out);
  group.barrier();
  const bool found = group.rank() != 0 || summarise(plan, out);
  return !done ? 130 : found ? 0 : 1;
}

}  // namespace stillpoint
