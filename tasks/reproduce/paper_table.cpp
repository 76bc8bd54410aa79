// Turns finished runs into cells, and cells into Markdown and JSON.
#include "tasks/reproduce/paper_table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/io/files.h"
#include "tasks/io/numbers.h"
#include "tasks/reproduce/runner.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

struct FinishedRun {
  std::int64_t seed;
  std::string picture;
  double value;  // in the paper's unit
  Index parameters, epochs, batch;
  double seconds, processor_seconds;  // 0: not known
  std::string command;
};

FinishedRun read_run(const Job& job) {
  const std::string results_path = (job.folder / "results.json").string(),
                    config_path = (job.folder / config_name).string();
  const Json results = read_json_file(results_path), ran = read_json_file(config_path),
             &config = member(ran, "config", config_path);
  const Json attempt = attempt_of(job);
  return {.seed = whole_number_of(config, "seed", config_path),
          .picture = fs::path(job.settings.image).stem().string(),
          .value = job.table->scale * job.test_metric(),
          .parameters = whole_number_of(results, "parameters", results_path),
          .epochs = whole_number_of(config, "epochs", config_path),
          .batch = whole_number_of(config, "batch", config_path),
          .seconds = attempt.at("seconds").get<double>(),
          .processor_seconds = attempt.at("processor_seconds").get<double>(),
          .command = string_of(attempt, "command", (job.folder / attempt_name).string())};
}

struct Statistic {
  double mean = NAN, deviation = NAN, median = NAN, least = NAN, most = NAN;
};

// Computes the deviation of a sample; it is 0 for a single value.
Statistic statistic_of(std::vector<double> values) {
  Statistic s;
  std::erase_if(values, [](double v) { return std::isnan(v); });
  if (values.empty()) return s;
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  s.mean = sum / double(n);
  for (const double v : values) squares += (v - s.mean) * (v - s.mean);
  s.deviation = n > 1 ? std::sqrt(squares / double(n - 1)) : 0;
  s.median = (values[(n - 1) / 2] + values[n / 2]) / 2;
  s.least = values.front();
  s.most = values.back();
  return s;
}

struct Cell {
  const PaperCell* paper;
  std::size_t planned = 0;
  std::vector<FinishedRun> runs;

  std::map<std::string, double> pictures() const {
    std::map<std::string, std::vector<double>> values;
    for (const FinishedRun& run : runs) values[run.picture].push_back(run.value);
    std::map<std::string, double> means;
    for (const auto& [picture, of_seeds] : values) means[picture] = statistic_of(of_seeds).mean;
    return means;
  }
  Statistic statistic(Summary summary) const {
    std::vector<double> values;
    if (summary == Summary::pictures)
      for (const auto& [picture, value] : pictures()) values.push_back(value);
    else
      for (const FinishedRun& run : runs) values.push_back(run.value);
    return statistic_of(values);
  }
  double mean(double FinishedRun::*what) const {
    std::vector<double> values;
    for (const FinishedRun& run : runs)
      if (run.*what > 0) values.push_back(run.*what);
    return statistic_of(values).mean;
  }
};

std::vector<Cell> cells_of(const PaperTable& table, const std::vector<Job>& jobs) {
  std::vector<Cell> cells;
  for (const PaperCell& paper : table.cells) {
    Cell cell{&paper, 0, {}};
    for (const Job& job : jobs) {
      if (job.cell != &paper) continue;
      ++cell.planned;
      if (job.finished()) cell.runs.push_back(read_run(job));
    }
    cells.push_back(std::move(cell));
  }
  return cells;
}

std::string paper_value(const PaperTable& table, const PaperCell& cell) {
  if (std::isnan(cell.value)) return "";
  if (table.summary == Summary::median) return format_scientific(cell.value, 3);
  const int digits = table.summary == Summary::pictures ? 2 : 1;
  return format_fixed(cell.value, digits) + " ± " + format_fixed(cell.deviation, digits);
}

std::string own_value(const PaperTable& table, const Cell& cell) {
  if (cell.runs.empty()) return "not run";
  const Statistic s = cell.statistic(table.summary);
  if (table.summary != Summary::median) return format_fixed(s.mean, 2) + " ± " + format_fixed(s.deviation, 2);
  return format_scientific(s.median, 3) +
         (cell.runs.size() > 1
              ? " (" + format_scientific(s.least, 3) + " to " + format_scientific(s.most, 3) + ")"
              : "");
}

// Returns the smallest and the largest number of epochs among the runs.
std::pair<Index, Index> epochs_of(const Cell& cell) {
  Index least = cell.runs[0].epochs, most = least;
  for (const FinishedRun& run : cell.runs) {
    least = std::min(least, run.epochs);
    most = std::max(most, run.epochs);
  }
  return {least, most};
}

std::string row_of(const PaperTable& table, const Cell& cell) {
  std::string row = "| " + cell.paper->model + " | " +
                    (cell.paper->data.empty() ? "copy memory" : cell.paper->data) + " | " +
                    paper_value(table, *cell.paper) + " | " + own_value(table, cell) + " | ";
  if (cell.runs.empty()) return row + text("0 of ", cell.planned, " | | | | |\n");
  const auto [least, most] = epochs_of(cell);
  const Index paper_epochs = cell.paper->epochs > 0 ? cell.paper->epochs : table.least_epochs;
  const double part = 100 * double(most) / double(paper_epochs);
  const double processor = cell.mean(&FinishedRun::processor_seconds);
  row += text(cell.runs.size(), " of ", cell.planned, " | ", cell.runs[0].parameters, " | ", least);
  if (most != least) row += text(" to ", most);
  row += " | " + format_fixed(part, part < 10 ? 1 : 0) + " % | ";
  return row + (std::isnan(processor) ? "" : format_duration(processor)) + " |\n";
}

std::string commands_of(const std::vector<Cell>& cells) {
  std::set<std::string> seen;
  std::string lines;
  for (const Cell& cell : cells)
    for (const FinishedRun& run : cell.runs) {
      std::string command = run.command;
      if (const std::size_t at = command.find("/" + run.picture + ".");
          !run.picture.empty() && at != std::string::npos)
        command.replace(at + 1, run.picture.size(), "PICTURE");
      if (seen.insert(command).second) lines += command + "\n";
    }
  return lines.empty() ? "" : "\nCommands of the runs:\n\n```\n" + lines + "```\n";
}

std::set<std::int64_t> seeds_of(const std::vector<Cell>& cells) {
  std::set<std::int64_t> seeds;
  for (const Cell& cell : cells)
    for (const FinishedRun& run : cell.runs) seeds.insert(run.seed);
  return seeds;
}

// Writes every picture with the cells of its set.
std::string pictures_of(const std::vector<Cell>& cells) {
  std::string out;
  std::set<std::string> sets;
  for (const Cell& cell : cells) sets.insert(cell.paper->data);
  for (const std::string& set : sets) {
    std::string head = text("| ", set, " |"), rule = "|---|";
    std::map<std::string, std::string> rows;
    for (const Cell& cell : cells) {
      if (cell.paper->data != set || cell.runs.empty()) continue;
      head += text(" ", cell.paper->model, " |");
      rule += "---:|";
      for (const auto& [picture, value] : cell.pictures())
        rows[picture] += text(" ", format_fixed(value, 2), " |");
    }
    if (rows.empty()) continue;
    out += "\n" + head + "\n" + rule + "\n";
    for (const auto& [picture, values] : rows)
      out.append("| ").append(picture).append(" |").append(values).append("\n");
  }
  return out;
}

std::string markdown_of(const PaperTable& table, const std::vector<Cell>& cells) {
  static const std::map<Summary, std::string> explanations{
      {Summary::median, "the median over seeds (smallest to largest)"},
      {Summary::seeds, "mean ± standard deviation over seeds"},
      {Summary::pictures, "mean ± standard deviation over pictures, of the means over seeds"}};
  std::string out = "# " + table.title + "\n\n";
  const std::string unit = table.unit.empty() ? "" : ", " + table.unit;
  out += "Here: " + explanations.at(table.summary) +
         ", trained on training and validation data. The paper trained " + table.epochs +
         (learns_pictures(table) ? "" : " epochs") +
         "; a pass over the training data is an epoch, and the share is that of the fewest that it may have "
         "been.\n\n";
  out += "| model | data | paper" + unit + " | here" + unit +
         " | runs | parameters | epochs | of the paper's | processor time of a run |\n"
         "|---|---|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const Cell& cell : cells) out += row_of(table, cell);
  std::string seeds;
  for (const std::int64_t seed : seeds_of(cells)) seeds += (seeds.empty() ? "" : ", ") + text(seed);
  if (!seeds.empty()) out += "\nSeeds: " + seeds + ".\n";
  if (table.summary == Summary::pictures) out += pictures_of(cells);
  return out + commands_of(cells);
}

Json json_of(const PaperTable& table, const std::vector<Cell>& cells) {
  Json out{{"table", table.name}, {"title", table.title},         {"metric", "test " + table.metric},
           {"unit", table.unit},  {"paper_epochs", table.epochs}, {"cells", Json::array()}};
  const auto number = [](double value) { return std::isnan(value) ? Json() : Json(value); };
  for (const Cell& cell : cells) {
    const Statistic s = cell.statistic(table.summary);
    Json entry{
        {"model", cell.paper->model},
        {"data", cell.paper->data},
        {"preset", cell.paper->preset},
        {"paper", {{"value", number(cell.paper->value)}, {"deviation", number(cell.paper->deviation)}}},
        {"here",
         {{"mean", number(s.mean)}, {"deviation", number(s.deviation)}, {"median", number(s.median)}}},
        {"planned", cell.planned},
        {"runs", Json::array()}};
    for (const FinishedRun& run : cell.runs)
      entry["runs"].push_back({{"seed", run.seed},
                               {"picture", run.picture},
                               {"value", number(run.value)},
                               {"parameters", run.parameters},
                               {"epochs", run.epochs},
                               {"batch", run.batch},
                               {"seconds", run.seconds},
                               {"processor_seconds", run.processor_seconds},
                               {"command", run.command}});
    out["cells"].push_back(std::move(entry));
  }
  return out;
}

}  // namespace

std::string write_table(const PaperTable& table, const std::vector<Job>& jobs, const fs::path& folder) {
  const std::vector<Cell> cells = cells_of(table, jobs);
  const std::string markdown = markdown_of(table, cells);
  make_folder(folder);
  write_atomically(folder / (table.name + ".md"), markdown);
  write_atomically(folder / (table.name + ".json"), json_of(table, cells).dump(2) + "\n");
  return markdown;
}

}  // namespace stillpoint
