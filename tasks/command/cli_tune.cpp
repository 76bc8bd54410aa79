// Turns the flags of `stillpoint tune` into a plan for the driver in Python.
#include "tasks/command/cli_tune.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "engine/io/files.h"
#include "engine/words.h"
#include "kernels/host/threads.h"
#include "tasks/command/cli_values.h"
#include "tasks/process/processes.h"
#include "tasks/process/python.h"
#include "tasks/search/space.h"
#include "tasks/settings/idle_settings.h"
#include "tasks/settings/presets.h"
#include "tasks/settings/shipped.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

SearchSpace space_of(const TuneFlags& flags, const std::string& usual) {
  const std::string name = flags.space.empty() ? usual : flags.space;
  SearchSpace space = name.ends_with(".json") ? read_space(read_json_file(name), name) : load_space(name);
  if (flags.grace > 0) space.grace = flags.grace;
  if (flags.reduction > 0) space.reduction = flags.reduction;
  if (flags.most > 0) space.most = flags.most;
  if (flags.scheduler == "none") space.grace = std::min(space.grace, space.most);  // no rungs
  space.check_rungs();
  return space;
}

bool holds_password(const std::string& url) {
  const std::size_t start = url.find("://"), at = url.find('@');
  return url.find("password=") != std::string::npos ||
         (start != std::string::npos && at != std::string::npos && url.find(':', start + 3) < at);
}

// This Python program reads the driver and the plan from standard input.
constexpr const char* loader = R"(import json, sys, types
given = json.load(sys.stdin)
for name, text in given["driver"].items():
    sys.modules[name] = module = types.ModuleType(name)
    exec(compile(text, name + ".py", "exec"), module.__dict__)
sys.exit(sys.modules["tune"].main(given["plan"])))";

// Replaces standard input by a file in memory with this text.
void give_input(const std::string& text) {
  const int file = ::memfd_create("tune", MFD_CLOEXEC);
  require(file >= 0 && ::write(file, text.data(), text.size()) == ssize_t(text.size()) &&
              ::lseek(file, 0, SEEK_SET) == 0 && ::dup2(file, STDIN_FILENO) == STDIN_FILENO,
          "tune: cannot keep ", text.size(), " bytes for Python: ", std::strerror(errno),
          "; free some memory");
}

}  // namespace

void TuneFlags::add_to(CLI::App& app, const TaskKind& kind) {
  settings.add_to(app, kind);
  app.add_option("--space", space,
                 "search space: a JSON file or a name; default TASK-MODEL of the shipped ones");
  app.add_option("--trials", trials, "trials in the whole study; default: the space's")
      ->transform(whole_number(1, 1000000000));
  app.add_option("--workers", workers, "processes that run trials here")
      ->transform(whole_number(1, 1024))
      ->capture_default_str();
  app.add_option(
         "--sampler", sampler,
         "random: draws that depend on the seed and the trial's number; tpe, cmaes, gp: Optuna's, which "
         "learn from earlier trials")
      ->transform(choice({"random", "tpe", "cmaes", "gp"}))
      ->capture_default_str();
  app.add_option("--scheduler", scheduler,
                 "asha: stop trials that fall behind; none: run each to its end, or to --most")
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
  app.add_option(
      "--storage", storage,
      "storage: sqlite:///FILE, journal:FILE or postgresql://USER@HOST/DATABASE, without a password; "
      "default: $STILLPOINT_STORAGE, or study.db in the folder");
  app.add_option("--storage-file", storage_file, "file with the storage's URL, which may hold a password");
  app.add_option("--study", study, "name of the study; default TASK-MODEL. An existing study is continued");
  app.add_option("--folder", folder, "for the trials' runs, best.json and study.db; default tune/STUDY");
  app.add_option("--heartbeat", heartbeat,
                 "seconds between a worker's signs of life; after four silent intervals its trial is retried")
      ->transform(number(0.05, 3600))
      ->capture_default_str();
  app.add_option("--retries", retries,
                 "how often a trial is retried if its worker falls silent or its training is killed")
      ->transform(whole_number(0, 1000000))
      ->capture_default_str();
  app.add_option("--patience", patience,
                 "seconds to wait for a full disk, missing memory or a storage that does not answer")
      ->transform(number(0, 1e9))
      ->capture_default_str();
  app.add_flag("--dry-run", dry, "print the study and its first draws, start nothing");
  common.add_to(app);
}

std::string TuneFlags::storage_of(const std::string& study_folder) const {
  require(storage.empty() || storage_file.empty(),
          "--storage: given together with --storage-file, expected one "
          "of them, drop the other");
  require(
      !holds_password(storage),
      "--storage: given a URL with a password, which the list of processes shows to everybody, expected one "
      "without; put it into the variable STILLPOINT_STORAGE or into a file for --storage-file");
  std::string url = storage;
  if (!storage_file.empty()) url = read_file(storage_file);
  const char* const usual = std::getenv("STILLPOINT_STORAGE");
  if (url.empty() && usual != nullptr) url = usual;
  while (!url.empty() && std::isspace(static_cast<unsigned char>(url.back()))) url.pop_back();
  if (url.empty()) return "sqlite:///" + study_folder + "/study.db";
  const std::string scheme = url.substr(0, url.find_first_of("+:"));
  require(url.find("://") == std::string::npos || scheme == "sqlite" || scheme == "postgresql" ||
              scheme == "postgres",
          "storage: given a URL of '", shown(scheme),
          "', expected sqlite:///FILE, journal:FILE or postgresql://USER@HOST/DATABASE, choose one of them");
  return url;
}

Json TuneFlags::plan(const TaskKind& kind) const {
  const std::vector<SettingsLayer> layers = settings.layers(kind);
  const Json resolved = kind.resolve(layers);
  const std::string usual = name_of_run(kind, resolved);
  const SearchSpace chosen = space_of(*this, usual);
  const std::string name = study.empty() ? usual : study;
  require(!folder.empty() || (name.find('/') == std::string::npos && name != "." && name != ".."),
          "--study: given '", shown(name),
          "', whose folder would lie outside of tune/, expected a name without /, or "
          "choose a --folder");
  const std::string at = fs::absolute(folder.empty() ? fs::path("tune") / name : fs::path(folder)).string();
  Json fixed = chosen.settings;
  for (const SettingsLayer& layer : layers)
    for (const auto& [setting, value] : layer.object.items()) fixed[setting] = resolved.at(setting);
  // If a draw does not fit the task, or the task cannot be made here, this is one error now, not one per
  // trial.
  const Json config = kind.resolve({{fixed, "search space"}, {chosen.first_draw(), "draw"}});
  std::set<std::string> drawn;
  for (const auto& [setting, draw] : chosen.draws.items()) drawn.insert(setting);
  refuse_idle_settings(kind, layers, config, drawn);
  const Index cores = kernels::cores();
  if (!dry) kind.make(config, common.apply());
  return {{"program", path_to_text(fs::read_symlink("/proc/self/exe"))},
          {"task", kind.name()},
          {"study", name},
          {"folder", path_to_text(at)},
          {"storage", path_to_text(storage_of(at))},
          {"metric", chosen.metric},
          {"direction", chosen.direction},
          {"grace", chosen.grace},
          {"reduction", chosen.reduction},
          {"most", chosen.most},
          {"halving", scheduler == "asha"},
          {"sampler", sampler},
          {"seed", search_seed},
          {"trials", trials > 0 ? trials : chosen.trials},
          {"workers", workers},
          {"fixed", fixed},
          {"agreed", without_places(fixed)},
          {"draws", chosen.draws},
          {"device", common.device},
          {"threads",
           common.threads > 0 || workers == 1 ? Index(common.threads) : std::max<Index>(1, cores / workers)},
          {"heartbeat", heartbeat},
          {"retries", retries},
          {"patience", patience},
          {"dry", dry}};
}

void TuneFlags::run(const CLI::App& app, const TaskKind& kind) const {
  if (scheduler == "none") refuse_idle(app, {"--grace", "--reduction"}, "--scheduler none");
  Json driver = Json::object();
  for (const char* part : {"common", "draws", "storage", "study", "trial", "tune"})
    driver[part] = std::string(shipped_file(text("search/", part, ".py")));
  give_input(Json{{"driver", driver}, {"plan", plan(kind)}}.dump());  // arguments would show a password
  ::unsetenv("STILLPOINT_STORAGE");
  const std::string program = python_program();
  ::execlp(program.c_str(), program.c_str(), "-c", loader, program_name().c_str(), nullptr);
  fail("tune: given ", shown(program), ", cannot start it (", std::strerror(errno),
       "), expected Python 3 with Optuna; install both (Debian and Ubuntu: python3, python3-venv, then "
       "`python3 -m "
       "venv FOLDER && FOLDER/bin/pip install 'optuna>=4,<6'`), and name FOLDER/bin/python3 in "
       "STILLPOINT_PYTHON");
}

}  // namespace stillpoint
