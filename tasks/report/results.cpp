// Writes remarks, results and settings.
#include <algorithm>
#include <cmath>

#include "tasks/drawing/chart.h"
#include "tasks/io/numbers.h"
#include "tasks/report/sections.h"
#include "tasks/settings/registry.h"

namespace stillpoint::report {
namespace {

double number_in(const Json& object, const std::string& name) {
  const bool there = object.is_object() && object.contains(name) && object[name].is_number();
  return there ? object[name].get<double>() : NAN;
}

// Returns the value in results.json of a finished run, or the last value in the log of another one.
double result_of(const RunData& run, const std::string& split, const std::string& name) {
  if (run.finished()) {
    const bool there = run.results.contains("metrics") && run.results["metrics"].is_object() &&
                       run.results["metrics"].contains(split);
    return there ? number_in(run.results["metrics"][split], name) : NAN;
  }
  const LoggedMetric* metric = run.metric(split, name);
  return metric == nullptr || metric->value.empty() ? NAN : metric->value.back();
}

using SplitAndName = std::pair<std::string, std::string>;

void add_once(std::vector<SplitAndName>& list, const SplitAndName& item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

// Returns the metrics of evaluations, "test" first.
std::vector<SplitAndName> evaluated(const Group& group) {
  std::vector<SplitAndName> found;
  for (const RunData* run : group.runs) {
    if (run->finished() && run->results.contains("metrics") && run->results["metrics"].is_object())
      for (const auto& [split, metrics] : run->results["metrics"].items())
        for (const auto& [name, value] : metrics.items()) add_once(found, {split, name});
    if (run->finished()) continue;
    for (const LoggedMetric& metric : run->metrics)
      if (metric.split != "train") add_once(found, {metric.split, metric.name});
  }
  const auto rank = [](const std::string& split) { return split == "test" ? 0 : split == "valid" ? 1 : 2; };
  std::stable_sort(found.begin(), found.end(), [&](const SplitAndName& a, const SplitAndName& b) {
    return rank(a.first) < rank(b.first);
  });
  return found;
}

std::string state_of(const RunData& run) {
  if (run.finished()) return "finished";
  const double epochs = number_in(run.config, "epochs");
  if (run.last_step == 0) return "nothing logged";
  return text("unfinished, epoch ", readable(run.last_epoch),
              std::isfinite(epochs) ? " of " + readable(epochs) : "");
}

template <class F>
TableRow row_of(const Group& group, const std::string& name, F&& cell) {
  TableRow row{.name = name, .cells = {}};
  for (const RunData* run : group.runs) row.cells.push_back(cell(*run));
  return row;
}

std::string shown(const Json& value) {
  const bool bare = value.is_string() && !value.get_ref<const std::string&>().empty();
  return bare ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string setting_of(const RunData& run, const std::string& name) {
  return run.config.contains(name) ? shown(run.config[name]) : "–";
}

std::vector<std::string> setting_names(const Group& group) {
  std::vector<std::string> names;
  for (const RunData* run : group.runs)
    for (const auto& [name, value] : run->config.items())
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

// Returns the defaults of the run's task; empty if this program has no such task.
Json defaults_of(const RunData& run) {
  for (const TaskKind* kind : task_kinds())
    if (run.task == kind->name()) return kind->resolve({});
  return Json::object();
}

// Writes the settings of a single run that differ from the defaults.
void write_changed_settings(HtmlWriter& out, const RunData& run) {
  const Json defaults = defaults_of(run);
  std::vector<TableRow> rows;
  for (const auto& [name, value] : run.config.items())
    if (defaults.contains(name) && defaults[name] != value)
      rows.push_back({.name = name, .cells = {shown(value), shown(defaults[name])}});
  if (!rows.empty())
    write_table(out, "Settings that differ from the defaults", "setting", {{"value"}, {"default"}}, rows);
}

// Adds what made the runs, as far as their results say so; those of older programs do not.
void add_facts(const Group& group, std::vector<TableRow>& rows) {
  for (const auto& [fact, title] : {std::pair("ms_per_step", "ms per step"),
                                    {"examples_per_second", "examples per second"},
                                    {"peak_memory_mb", "peak memory, MB"},
                                    {"stillpoint", "program"},
                                    {"processor", "processor"},
                                    {"command", "command"}}) {
    const auto cell = [&, fact = fact](const RunData& run) {
      const Json made_by =
          run.results.is_object() ? run.results.value("made_by", Json::object()) : Json::object();
      if (!made_by.contains(fact)) return std::string("–");
      return made_by[fact].is_number() ? readable(made_by[fact].get<double>())
                                       : made_by[fact].get<std::string>();
    };
    const TableRow row = row_of(group, title, cell);
    if (std::any_of(row.cells.begin(), row.cells.end(), [](const std::string& c) { return c != "–"; }))
      rows.push_back(row);
  }
}

}  // namespace

std::string spaced(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::vector<TableColumn> columns_of(const Group& group) {
  std::vector<TableColumn> columns;
  for (const RunData* run : group.runs)
    columns.push_back({run->name, group.runs.size() > 1 ? int(columns.size()) : -1});
  return columns;
}

void write_remarks(HtmlWriter& out, const Group& group) {
  const bool any =
      std::any_of(group.runs.begin(), group.runs.end(), [](auto* r) { return !r->remarks.empty(); });
  if (!any) return;
  const auto list = out.open("ul", {{"class", "remarks"}});
  for (const RunData* run : group.runs)
    for (const std::string& remark : run->remarks) {
      const auto item = out.open("li");
      out.leaf("b", run->name + ":");
      out.text(remark + ".");
    }
}

void write_results(HtmlWriter& out, const Group& group) {
  out.leaf("h3", "Results");
  std::vector<TableRow> rows;
  rows.push_back(row_of(group, "model", [](const RunData& run) { return setting_of(run, "model"); }));
  rows.push_back(row_of(group, "state", state_of));
  rows.push_back(row_of(group, "parameters",
                        [](const RunData& run) { return readable(number_in(run.results, "parameters")); }));
  rows.push_back(row_of(group, "steps", [](const RunData& run) {
    return readable(run.finished() ? number_in(run.results, "steps") : run.last_step);
  }));
  rows.push_back(row_of(group, "training time", [](const RunData& run) {
    const double seconds = run.finished() ? number_in(run.results, "seconds") : run.seconds;
    return std::isfinite(seconds) ? format_duration(seconds) : "–";
  }));
  add_facts(group, rows);
  for (const auto& [split, name] : evaluated(group)) {
    std::vector<double> values;
    for (const RunData* run : group.runs) values.push_back(result_of(*run, split, name));
    TableRow row{
        .name = split + " " + spaced(name), .cells = {}, .best = best_of(values, better_direction(name))};
    for (const double value : values) row.cells.push_back(readable(value));
    rows.push_back(row);
  }
  const std::string caption = group.runs.size() > 1       ? "The best of each metric is bold"
                              : group.runs[0]->finished() ? "At the end of training"
                                                          : "So far";
  write_table(out, caption, "", columns_of(group), rows);
}

void write_settings(HtmlWriter& out, const Group& group) {
  out.leaf("h3", "Settings");
  std::vector<TableRow> all, different;
  for (const std::string& name : setting_names(group)) {
    all.push_back(row_of(group, name, [&](const RunData& run) { return setting_of(run, name); }));
    const std::vector<std::string>& cells = all.back().cells;
    if (std::any_of(cells.begin(), cells.end(), [&](const std::string& c) { return c != cells[0]; }))
      different.push_back(all.back());
  }
  if (group.runs.size() == 1)
    write_changed_settings(out, *group.runs[0]);
  else if (different.empty())
    out.leaf("p", "All settings are the same.");
  else
    write_table(out, "Settings that differ", "setting", columns_of(group), different);
  const auto details = out.open("details");
  out.leaf("summary", text("All ", all.size(), " settings"));
  write_table(out, "All settings", "setting", columns_of(group), all);
}

}  // namespace stillpoint::report
