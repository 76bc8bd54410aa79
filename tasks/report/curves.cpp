// Writes the curves of a group of runs against steps, epochs and time, and the statistics of its solvers.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "tasks/drawing/chart.h"
#include "tasks/io/numbers.h"
#include "tasks/report/sections.h"

namespace stillpoint::report {
namespace {

enum class Against { step, epoch, time };

std::string name_of(Against against) {
  return against == Against::step ? "step" : against == Against::epoch ? "epoch" : "time";
}

struct TimeUnit {
  const char* name;
  double seconds;
};

TimeUnit time_unit(const Group& group) {
  double longest = 0;
  for (const RunData* run : group.runs) longest = std::max(longest, run->seconds);
  if (longest < 180) return {"s", 1};
  return longest < 3 * 3600 ? TimeUnit{"min", 60} : TimeUnit{"h", 3600};
}

double last_finite(const std::vector<double>& values) {
  const auto found = std::find_if(values.rbegin(), values.rend(), [](double v) { return std::isfinite(v); });
  return found == values.rend() ? NAN : *found;
}

struct Kind {
  const char* title;
  bool (*holds)(const std::string& name);
};

bool is_optimiser(const std::string& name) { return name == "grad_norm" || name == "lr"; }
// The columns of solver_metrics, and metrics of a recipe that describe a solver.
bool is_solver(const std::string& name) {
  return name.starts_with("forward_") || name.starts_with("adjoint_") || name == "evaluations" ||
         name == "alpha" || name.find("radius") != std::string::npos;
}
bool is_other(const std::string& name) { return !is_optimiser(name) && !is_solver(name); }

constexpr Kind kinds[] = {
    {"Loss and metrics", is_other}, {"Solvers", is_solver}, {"Optimisation", is_optimiser}};

// The metrics that a reader looks for first come first; the others keep the order of the log.
std::size_t rank_of(const std::string& name) {
  constexpr std::string_view first[] = {"loss",     "accuracy",      "psnr",    "forward_steps",
                                        "forward_", "adjoint_steps", "adjoint_"};
  std::size_t rank = 0;
  while (rank < std::size(first) &&
         !(first[rank].ends_with('_') ? name.starts_with(first[rank]) : name == first[rank]))
    ++rank;
  return rank;
}

struct Wanted {
  std::string name;
  std::vector<std::string> splits;  // in one figure
};

bool has_curves(const RunData& run) {
  return std::any_of(run.metrics.begin(), run.metrics.end(), [](auto& m) { return m.step.size() > 1; });
}

// For one run: a figure per metric with its splits. For more: one per metric and split. A metric that was
// evaluated only once, like those of the test set, makes no curve unless nothing else is logged yet.
std::vector<Wanted> figures_of(const Group& group, const Kind& kind) {
  std::vector<Wanted> wanted;
  for (const RunData* run : group.runs)
    for (const LoggedMetric& metric : run->metrics) {
      if (!kind.holds(metric.name) || (metric.step.size() < 2 && has_curves(*run))) continue;
      const bool apart = group.runs.size() > 1;
      const auto found = std::find_if(wanted.begin(), wanted.end(), [&](const Wanted& w) {
        return w.name == metric.name && (!apart || w.splits[0] == metric.split);
      });
      if (found == wanted.end())
        wanted.push_back({metric.name, {metric.split}});
      else if (std::find(found->splits.begin(), found->splits.end(), metric.split) == found->splits.end())
        found->splits.push_back(metric.split);
    }
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const Wanted& a, const Wanted& b) { return rank_of(a.name) < rank_of(b.name); });
  return wanted;
}

drawing::Chart chart_of(const Group& group, const Wanted& wanted, Against against) {
  const TimeUnit unit = time_unit(group);
  const bool several = group.runs.size() > 1;
  const std::string x_label = name_of(against) + (against == Against::time ? text(" (", unit.name, ")") : "");
  drawing::Chart chart{.title = (several ? wanted.splits[0] + " " : "") + spaced(wanted.name),
                       .x = {.name = x_label},
                       .y = {.name = "", .scale = drawing::Scale::by_values}};
  for (std::size_t r = 0; r < group.runs.size(); ++r)
    for (std::size_t s = 0; s < wanted.splits.size(); ++s) {
      const LoggedMetric* metric = group.runs[r]->metric(wanted.splits[s], wanted.name);
      if (metric == nullptr) continue;
      drawing::Series line{.label = several ? group.runs[r]->name : metric->split,
                           .note = readable(last_finite(metric->value)),
                           .style = several                    ? r
                                    : metric->split == "train" ? 0u
                                    : metric->split == "valid" ? 1u
                                                               : 2u,
                           .x = against == Against::step    ? metric->step
                                : against == Against::epoch ? metric->epoch
                                                            : metric->seconds,
                           .y = metric->value};
      if (against == Against::time)
        for (double& x : line.x) x /= unit.seconds;
      if (line.x.size() == line.y.size()) chart.series.push_back(std::move(line));
    }
  return chart;
}

// If an epoch has one step, a curve over epochs shows the same as one over steps.
bool has_epochs(const Group& group) {
  return std::any_of(group.runs.begin(), group.runs.end(), [](auto* r) { return r->steps_per_epoch > 1; });
}

// Writes radio buttons before the figures that they choose from. The style sheet shows the chosen one, so
// that no script is needed.
void write_choice(HtmlWriter& out, const Group& group) {
  const auto pick = [&](const std::string& axis, const std::string& label) {
    Attributes input{{"type", "radio"},
                     {"class", "pick pick-" + axis},
                     {"name", group.id + "-axis"},
                     {"id", group.id + "-" + axis}};
    if (axis == "step") input.push_back({"checked", "checked"});
    out.empty("input", input);
    out.leaf("label", label, {{"for", group.id + "-" + axis}});
  };
  out.leaf("span", "against", {{"class", "against"}});
  pick("step", "steps");
  if (has_epochs(group)) pick("epoch", "epochs");
  pick("time", "time");
}

std::string spread(const LoggedMetric& metric) {
  std::vector<double> finite;
  for (const double v : metric.value)
    if (std::isfinite(v)) finite.push_back(v);
  if (finite.empty()) return "–";
  std::sort(finite.begin(), finite.end());
  const double middle = (finite[(finite.size() - 1) / 2] + finite[finite.size() / 2]) / 2;
  if (finite.front() == finite.back()) return readable(middle);
  // Only the space before the bracket may break a line.
  return readable(middle) + " (" + readable(finite.front()) + " to " + readable(finite.back()) + ")";
}

void write_solver_table(HtmlWriter& out, const Group& group) {
  std::vector<TableRow> rows;
  for (const Wanted& wanted : figures_of(group, kinds[1])) {
    TableRow row{.name = spaced(wanted.name), .cells = {}};
    for (const RunData* run : group.runs) {
      const LoggedMetric* metric = run->metric(wanted.splits[0], wanted.name);
      row.cells.push_back(metric == nullptr ? "–" : spread(*metric));
    }
    rows.push_back(row);
  }
  write_table(out, "Solvers: median over the logged steps (smallest to largest)", "statistic",
              columns_of(group), rows);
}

void write_kind(HtmlWriter& out, const Group& group, const Kind& kind) {
  const std::vector<Wanted> wanted = figures_of(group, kind);
  if (wanted.empty()) return;
  out.leaf("h4", kind.title);
  {
    const auto grid = out.open("div", {{"class", "grid"}});
    for (const Wanted& figure : wanted)
      for (const Against against : {Against::step, Against::epoch, Against::time}) {
        if (against == Against::epoch && !has_epochs(group)) continue;
        const drawing::Chart chart = chart_of(group, figure, against);
        if (chart.series.empty()) continue;
        const auto box = out.open("figure", {{"class", text("by-", name_of(against))}});
        write_chart(out, chart);
      }
  }
  if (kind.holds == is_solver) write_solver_table(out, group);
}

}  // namespace

void write_curves(HtmlWriter& out, const Group& group) {
  if (std::all_of(group.runs.begin(), group.runs.end(), [](auto* r) { return r->metrics.empty(); })) return;
  out.leaf("h3", "Curves");
  const auto curves = out.open("div", {{"class", "curves"}, {"role", "group"}, {"aria-label", "Curves"}});
  write_choice(out, group);
  const auto panels = out.open("div", {{"class", "panels"}});
  for (const Kind& kind : kinds) write_kind(out, group, kind);
}

}  // namespace stillpoint::report
