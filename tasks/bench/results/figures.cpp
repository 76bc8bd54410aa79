// Turns the rows of a bench into charts.
#include "tasks/bench/results/figures.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/io/files.h"
#include "engine/words.h"
#include "kernels/device/error.h"
#include "tasks/drawing/chart.h"
#include "tasks/io/numbers.h"

namespace stillpoint::bench {
namespace {

using drawing::Chart, drawing::Scale, drawing::Series, drawing::Look;

bool positive(double value) { return std::isfinite(value) && value > 0; }

std::string with(const std::string& name, const std::vector<std::string>& words) {
  return words.empty() ? name : name + ", " + join(words);
}

// Adds the word if the document has a row, of the same workload if `sizes`, with another value of the member.
template <class Member>
void add_if_varied(std::vector<std::string>& words, const Document& document, const Row& row, bool sizes,
                   Member member, const std::string& word) {
  const bool varied = std::any_of(document.rows.begin(), document.rows.end(), [&](const Row& other) {
    return (!sizes || other.workload == row.workload) &&
           std::invoke(member, other) != std::invoke(member, row);
  });
  if (varied && !word.empty()) words.push_back(word);
}

// Returns the row's machine and numbers, as far as rows differ in them: "cuda", "2 threads", "bf16".
std::vector<std::string> machine_of(const Document& document, const Row& row) {
  std::vector<std::string> words;
  const auto add = [&](auto member, const std::string& word) {
    add_if_varied(words, document, row, false, member, word);
  };
  add(&Row::device, row.device);
  add(&Row::threads, text(row.threads, row.threads == 1 ? " thread" : " threads"));
  add(&Row::precision, row.precision);
  return words;
}

// Returns the same after the program, if it is a peer, and before the sizes that were swept, except the
// batch.
std::vector<std::string> conditions(const Document& document, const Row& row) {
  std::vector<std::string> words;
  if (row.program != Row().program) words.push_back(row.program);
  for (const std::string& word : machine_of(document, row)) words.push_back(word);
  const auto add = [&](auto member, const std::string& word) {
    add_if_varied(
        words, document, row, true, [&](const Row& r) { return r.sizes.*member; }, word);
  };
  add(&Sizes::solver, row.sizes.solver);
  add(&Sizes::length, text("length ", row.sizes.length));
  add(&Sizes::width, text("width ", row.sizes.width));
  add(&Sizes::evaluations, text(row.sizes.evaluations, " evaluations"));
  add(&Sizes::tolerance, text("tolerance ", row.sizes.tolerance));
  return words;
}

// Returns the index of the value in the list, to which it is added if it is new.
template <class T>
std::size_t index_in(std::vector<T>& list, const T& value) {
  const auto found = std::find(list.begin(), list.end(), value);
  if (found != list.end()) return std::size_t(found - list.begin());
  list.push_back(value);
  return list.size() - 1;
}

// "step/copy-memory/sim-single" is a sim-single of step/copy-memory.
std::string family_of(const std::string& workload) { return workload.substr(0, workload.rfind('/')); }
std::string model_of(const std::string& workload) { return workload.substr(workload.rfind('/') + 1); }

// Returns the series with the label, which is added if it is new.
Series& series_of(Chart& chart, const std::string& label, Look look) {
  for (Series& series : chart.series)
    if (series.label == label) return series;
  chart.series.push_back({.label = label, .style = chart.series.size(), .look = look, .x = {}});
  return chart.series.back();
}

// The best rates that were measured beside the rows of one condition.
struct BestRoof {
  std::string name;
  double gflops = 0, gbytes = 0;
};

std::vector<BestRoof> roofs_of(const Document& document) {
  std::vector<BestRoof> roofs;
  for (const Row& row : document.rows) {
    if (!positive(row.roof.gflops) || !positive(row.roof.gbytes)) continue;
    const std::string name = with("roof", machine_of(document, row));
    auto found = std::find_if(roofs.begin(), roofs.end(), [&](const BestRoof& r) { return r.name == name; });
    if (found == roofs.end()) found = roofs.insert(roofs.end(), {.name = name});
    found->gflops = std::max(found->gflops, row.roof.gflops);
    found->gbytes = std::max(found->gbytes, row.roof.gbytes);
  }
  return roofs;
}

// A point per row. Among the rows of a workload that differ only in their sizes, the fastest one has the
// name.
void add_points(Chart& chart, const Document& document) {
  std::vector<std::string> names;
  std::vector<std::pair<std::size_t, std::size_t>> fastest;  // of each name: series and point
  for (const Row& row : document.rows) {
    if (!positive(row.gflops()) || !positive(row.intensity())) continue;
    const std::string kind = row.workload.substr(0, row.workload.find('/'));
    const std::string name = with(row.workload, conditions(document, row));
    Series& series = series_of(chart, kind, Look::points);
    const std::size_t point = series.x.size(), k = index_in(names, name);
    series.x.push_back(row.intensity());
    series.y.push_back(row.gflops());
    series.names.emplace_back();
    series.titles.push_back(text(name, ", batch ", row.sizes.batch, ": ", readable(row.gflops()),
                                 " GFLOP/s at ", readable(row.intensity()), " FLOP/byte"));
    if (k == fastest.size()) fastest.push_back({&series - chart.series.data(), point});
    if (series.y[point] > series.y[fastest[k].second]) fastest[k].second = point;
  }
  for (std::size_t k = 0; k < names.size(); ++k)
    chart.series[fastest[k].first].names[fastest[k].second] = names[k].substr(names[k].find('/') + 1);
}

void add_roofs(Chart& chart, const std::vector<BestRoof>& roofs) {
  double low = INFINITY, high = 0;
  for (const Series& series : chart.series)
    for (const double x : series.x) {
      low = std::min(low, x);
      high = std::max(high, x);
    }
  for (const BestRoof& roof : roofs) {
    low = std::min(low, roof.gflops / roof.gbytes / 2);  // shows the corner of every roof
    high = std::max(high, roof.gflops / roof.gbytes * 2);
  }
  for (const BestRoof& roof : roofs) {
    const double corner = roof.gflops / roof.gbytes;
    chart.series.push_back({.label = roof.name,
                            .note = text(readable(roof.gflops), " GFLOP/s, ", readable(roof.gbytes), " GB/s"),
                            .style = chart.series.size(),
                            .look = Look::limit,
                            .x = {low, corner, high},
                            .y = {low * roof.gbytes, roof.gflops, roof.gflops}});
  }
}

// Returns a panel per family of training steps, with a line per model, of what `value` gives for each batch.
std::vector<Chart> by_batch(const Document& document, const std::string& what, const std::string& unit,
                            double (*value)(const Row&)) {
  std::vector<std::string> families;
  std::vector<Chart> charts;
  for (const Row& row : document.rows) {
    if (!row.workload.starts_with("step/") || family_of(row.workload) == "step" || row.sizes.batch <= 0 ||
        !positive(value(row)))
      continue;
    const std::string family = family_of(row.workload);
    const std::size_t k = index_in(families, family);
    if (k == charts.size())
      charts.push_back({.title = what + ": " + family.substr(family.find('/') + 1),
                        .x = {.name = "batch", .scale = Scale::logarithmic},
                        .y = {.name = unit, .scale = Scale::logarithmic}});
    Chart& chart = charts[k];
    index_in(chart.x.ticks, double(row.sizes.batch));
    Series& series = series_of(chart, with(model_of(row.workload), conditions(document, row)), Look::line);
    const auto at = std::upper_bound(series.x.begin(), series.x.end(), double(row.sizes.batch));
    series.y.insert(series.y.begin() + (at - series.x.begin()), value(row));
    series.x.insert(at, double(row.sizes.batch));
  }
  for (Chart& chart : charts) {
    std::sort(chart.x.ticks.begin(), chart.x.ticks.end());
    for (Series& series : chart.series) series.note = readable(series.y.back());
  }
  return charts;
}

}  // namespace

std::vector<std::string> write_figures(const Document& document, const std::filesystem::path& folder) {
  std::vector<std::string> written;
  const auto write = [&](const std::string& name, const std::vector<Chart>& charts) {
    if (charts.empty()) return;
    write_atomically(folder / name, drawing::svg_of(charts));
    written.push_back(name);
  };
  Chart roofline{.title = "Rate and intensity of each workload",
                 .x = {.name = "intensity (FLOP/byte)", .scale = Scale::logarithmic},
                 .y = {.name = "rate (GFLOP/s)", .scale = Scale::logarithmic}};
  add_points(roofline, document);
  if (!roofline.series.empty()) {
    add_roofs(roofline, roofs_of(document));
    write("roofline.svg", {roofline});
  }
  write("batch.svg", by_batch(document, "Throughput of training", "examples/s",
                              [](const Row& row) { return row.examples_per_second(); }));
  write("memory.svg", by_batch(document, "Memory of a training step", "memory (MB)",
                               [](const Row& row) { return row.memory_bytes / 1e6; }));
  return written;
}

}  // namespace stillpoint::bench
