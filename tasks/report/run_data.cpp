// Reads the configuration and the log of a run.
#include "tasks/report/run_data.h"

#include <algorithm>
#include <cmath>

#include "engine/io/files.h"
#include "tasks/io/metrics.h"
#include "tasks/training/train.h"

namespace stillpoint::report {
namespace {

namespace fs = std::filesystem;

bool is_reserved(const std::string& name) {
  return name == "step" || name == "epoch" || name == "time" || name == "split";
}

LoggedMetric& metric_of(RunData& run, const std::string& split, const std::string& name) {
  for (LoggedMetric& metric : run.metrics)
    if (metric.split == split && metric.name == name) return metric;
  run.metrics.push_back({.split = split, .name = name, .step = {}, .epoch = {}, .seconds = {}, .value = {}});
  return run.metrics.back();
}

void add_row(RunData& run, const nlohmann::json& row) {
  const double step = row["step"].get<double>(), seconds = row["time"].get<double>();
  const std::string split = row["split"].get<std::string>();
  run.last_step = std::max(run.last_step, step);
  run.seconds = std::max(run.seconds, seconds);
  if (row.contains("epoch") && row["epoch"].is_number()) {
    const double epoch = row["epoch"].get<double>();
    run.last_epoch = std::max(run.last_epoch, epoch);
    // The training loop evaluates only at the ends of epochs.
    if (split != "train" && epoch > 0) run.steps_per_epoch = step / epoch;
  }
  for (const auto& [name, value] : row.items()) {
    if (is_reserved(name) || !(value.is_number() || value.is_null())) continue;
    LoggedMetric& metric = metric_of(run, split, name);
    if (!metric.step.empty() && metric.step.back() == step) {
      metric.step.pop_back();
      metric.seconds.pop_back();
      metric.value.pop_back();
    }
    metric.step.push_back(step);
    metric.seconds.push_back(seconds);
    metric.value.push_back(value.is_number() ? value.get<double>() : NAN);
  }
}

void remark_on_gaps(RunData& run) {
  for (const LoggedMetric& metric : run.metrics) {
    const auto gaps =
        std::count_if(metric.value.begin(), metric.value.end(), [](double v) { return !std::isfinite(v); });
    if (gaps > 0)
      run.remarks.push_back(text(metric.split, " ", metric.name, " has ", gaps,
                                 gaps == 1 ? " value that is" : " values that are",
                                 " not finite (NaN or infinite), a gap in its curve"));
  }
}

}  // namespace

const LoggedMetric* RunData::metric(const std::string& of_split, const std::string& called) const {
  for (const LoggedMetric& metric : metrics)
    if (metric.split == of_split && metric.name == called) return &metric;
  return nullptr;
}

void read_log(RunData& run) {
  const fs::path path = run.folder / "metrics.jsonl";
  if (!fs::is_regular_file(path)) {
    run.remarks.push_back("has no metrics.jsonl, so no curves");
    return;
  }
  bool torn = false;
  try {
    torn = read_metrics(path, [&](const nlohmann::json& row, const LineReader&) {
      add_row(run, row);
      return true;
    });
  } catch (const Error& error) {
    run.metrics.clear();
    run.remarks.push_back(text("its log cannot be read, so no curves: ", error.what()));
    return;
  }
  if (run.metrics.empty()) run.remarks.push_back("has logged nothing yet");
  if (torn) run.remarks.push_back("the last line of metrics.jsonl is half-written and left out");
  remark_on_gaps(run);
  if (run.steps_per_epoch > 0)
    for (LoggedMetric& metric : run.metrics)
      for (const double step : metric.step) metric.epoch.push_back(step / run.steps_per_epoch);
}

RunData read_run(const fs::path& folder) {
  const fs::path config = folder / config_name;
  require(fs::is_directory(folder), "report: given ", folder.string(),
          fs::exists(folder) ? ", a file" : ", which does not exist",
          ", expected the folder of a run, as `stillpoint train` makes them in runs/; name one");
  require(fs::is_regular_file(config), "report: given ", folder.string(), ", a folder without ", config_name,
          ", expected the folder of a run, as `stillpoint train` makes them in runs/; name one");
  const Json json = read_json_file(config.string());
  const bool whole = json.is_object() && json.contains("task") && json["task"].is_string() &&
                     json.contains("config") && json["config"].is_object();
  require(whole, "report: given ", config.string(),
          " without a task and its settings, expected {\"task\": NAME, \"config\": {...}}, as `stillpoint "
          "train` writes it; name another run");
  RunData run;
  run.folder = fs::canonical(folder);
  run.name = run.folder.filename().string();
  run.task = json["task"].get<std::string>();
  run.config = json["config"];
  read_log(run);
  read_results(run);
  read_spectra(run);
  read_pictures(run);
  return run;
}

}  // namespace stillpoint::report
