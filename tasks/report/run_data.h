// What a run folder holds, read for a report: whatever is missing or damaged becomes a remark.
#pragma once
#include <complex>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/config.h"
#include "tasks/io/image.h"

namespace stillpoint::report {

// One metric of one split, in the order of the steps; of rows with the same step the last one.
struct LoggedMetric {
  std::string split, name;
  std::vector<double> step, epoch, seconds;  // epoch: fractional, empty where the log does not tell it
  std::vector<double> value;                 // NaN where the log has none
};

struct Confusion {
  std::string split;                        // empty where only confusion.csv tells it
  std::vector<std::string> classes;         // rows are labels, columns what was predicted
  std::vector<std::vector<double>> counts;  // square
};

struct SpectrumFile {
  std::string name;  // of its folder, empty for the run's own
  Json facts;        // spectrum.json without the eigenvalues
  double tolerance = 0;
  std::vector<std::complex<double>> eigenvalues;
};

struct RunData {
  std::filesystem::path folder;
  std::string name;  // for the reader, unique in a report
  std::string task;
  Json config = Json::object(), results;  // results: null where the run has none
  std::vector<LoggedMetric> metrics;
  double last_step = 0, last_epoch = 0, seconds = 0;  // of the log
  double steps_per_epoch = 0;                         // 0: not known
  std::optional<Confusion> confusion;
  std::vector<SpectrumFile> spectra;
  std::optional<Image> truth, prediction;
  std::vector<std::string> remarks;

  bool finished() const { return results.is_object(); }
  const LoggedMetric* metric(const std::string& of_split, const std::string& called) const;
};

// Throws Error where the folder is not one of a run: it has no config.json, or one without task and config.
RunData read_run(const std::filesystem::path& folder);

// The parts, each adding to `run`.
void read_log(RunData& run);       // metrics.jsonl
void read_results(RunData& run);   // results.json and confusion.csv
void read_spectra(RunData& run);   // spectrum.json, in the folder and in those directly below
void read_pictures(RunData& run);  // truth_and_prediction.png and prediction.png

}  // namespace stillpoint::report
