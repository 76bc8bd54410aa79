// Makes the runs of a table and their commands.
#include "tasks/reproduce/job.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/io/checkpoint.h"
#include "tasks/search/space.h"
#include "tasks/settings/presets.h"
#include "tasks/training/train.h"

namespace stillpoint {

namespace fs = std::filesystem;

namespace {

constexpr const char* minibatch = "-minibatch";

void set(Job& job, const std::string& assignment) { job.settings.assignments.push_back(assignment); }

std::string without_prefix(const std::string& path, const std::string& folder, const std::string& name) {
  const bool below = !folder.empty() && path.starts_with(folder) &&
                     (path.size() == folder.size() || path[folder.size()] == '/');
  return below ? name + path.substr(folder.size()) : path;
}

}  // namespace

bool learns_pictures(const PaperTable& table) { return task_kind(table.task).has("image"); }

bool Job::finished() const { return fs::exists(folder / "results.json"); }
bool Job::begun() const { return has_checkpoint(folder); }

Index Job::epochs_left() const {
  const RunRecord record = find_checkpoint(folder).record;
  return task_kind(record.task).train_config(record.config).epochs - record.epoch;
}

Json Job::config() const {
  const TaskKind& kind = task_kind(table->task);
  return kind.resolve(settings.layers(kind));
}

bool Job::ran_as_planned() const {
  const fs::path path = folder / config_name;
  const Json ran = read_json_file(path);
  // Resolving adds settings that did not exist when the run was made.
  const Json whole = task_kind(table->task).resolve({{member(ran, "config", path.string()), path.string()}});
  return without_places(whole) == without_places(config());
}

bool Job::ran_on_these_data() const {
  static std::map<std::string, std::string> contents;  // by the settings that name data; read only once
  const std::string path = (folder / config_name).string();
  const Json now = config(), ran = read_json_file(path);
  if (ran.is_object() && !ran.contains("content")) return true;  // older than this record
  const std::string recorded = string_of(ran, "content", path);
  if (recorded.empty()) return true;
  std::string key;
  for (const char* name : {"image", "background", "dataset", "data"})
    if (now.contains(name)) key += now[name].get<std::string>() + '\n';
  const auto [at, is_new] = contents.try_emplace(key);
  if (is_new) try {
      at->second = task_kind(table->task).make(now, Device::cpu)->facts().content;
    } catch (const Error&) {  // missing data do not affect a finished run
    }
  return at->second.empty() || at->second == recorded;
}

double Job::test_metric() const {
  const std::string path = (folder / "results.json").string();
  const Json results = read_json_file(path);
  const Json& test = member(member(results, "metrics", path), "test", path);
  const Json& value = member(test, table->metric.c_str(), path);
  return value.is_number() ? value.get<double>() : NAN;
}

std::vector<std::string> Job::arguments() const {
  std::vector<std::string> out{"train", table->task};
  if (!settings.image.empty()) out.push_back(settings.image);
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) out.insert(out.end(), {flag, value});
  };
  add("--preset", settings.preset);
  add("--config", settings.config);
  add("--data", settings.data);
  for (const std::string& assignment : settings.assignments) add("--set", assignment);
  if (settings.seed >= 0) add("--seed", text(settings.seed));
  return out;
}

std::string Job::command() const {
  const std::string data =
      settings.image.empty() ? settings.data : fs::path(settings.image).parent_path().parent_path().string();
  const std::string runs = folder.parent_path().parent_path().string();
  std::string out = "stillpoint";
  for (const std::string& argument : arguments())
    out.append(" ").append(
        shell_quoted(without_prefix(without_prefix(argument, data, "DATA"), runs, "RUNS")));
  return out.substr(0, out.rfind(' ')) + " SEED";
}

std::vector<std::string> search_arguments(const PaperTable& table, const PaperCell& cell,
                                          const JobSources& sources, const std::string& picture) {
  const bool pictures = learns_pictures(table);
  Job job{&table, &cell, {}, {}};
  job.settings.preset = cell.preset;
  const std::string space = table.task + "-" + job.config().at("model").get<std::string>();
  if (pictures) {
    job.settings.preset += minibatch;
    set(job, "epochs=" + load_space(space + minibatch).settings.at("epochs").dump());
  }
  job.settings.image = picture;
  if (task_kind(table.task).has("data")) job.settings.data = sources.data.string();
  std::vector<std::string> arguments = job.arguments();
  arguments[0] = "tune";
  const std::string folder = found_settings(sources, cell).parent_path().string();
  arguments.insert(arguments.end(), {"--space", pictures ? space + minibatch : space, "--folder", folder,
                                     "--storage", "sqlite:///" + folder + "/study.db"});
  return arguments;
}

fs::path found_settings(const JobSources& sources, const PaperCell& cell) {
  return sources.folder / "search" / cell.preset / "best.json";
}

Job make_job(const PaperTable& table, const PaperCell& cell, const JobSources& sources, Index seed,
             const std::string& picture) {
  Job job{&table, &cell, {}, {}};
  const fs::path found = found_settings(sources, cell);
  if (fs::exists(found)) {
    job.settings.config = found.string();
    if (learns_pictures(table))
      set(job, "epochs=" + load_preset(table.task, cell.preset + minibatch).at("epochs").dump());
  } else {
    job.settings.preset = cell.preset;
  }
  job.settings.image = picture;
  if (task_kind(table.task).has("data")) job.settings.data = sources.data.string();
  job.settings.seed = seed;
  set(job, "retrain=true");
  const std::string stem = picture.empty() ? "" : "-" + fs::path(picture).stem().string();
  job.folder = sources.folder / table.name / text(cell.preset, stem, "-seed", seed);
  return job;
}

void shorten(Job& job, Index epochs) {
  if (learns_pictures(*job.table) && !job.settings.preset.empty())
    job.settings.preset = job.cell->preset + minibatch;
  const std::string schedule = job.config().at("schedule").get<std::string>();
  set(job, text("epochs=", epochs));
  if (schedule == "step" || schedule == "1cycle") set(job, "schedule=cosine");
}

std::vector<std::string> pictures_in(const fs::path& data, const std::string& set) {
  std::vector<std::string> pictures;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(data / set, missing)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".png" || extension == ".jpg" || extension == ".jpeg")
      pictures.push_back(entry.path().string());
  }
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

}  // namespace stillpoint
