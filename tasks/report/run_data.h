// The contents of a run folder, read for a report. Anything missing or damaged becomes a remark.
#pragma once
#include <complex>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/config.h"
#include "tasks/io/image.h"

namespace stillpoint::report {

// One metric of one split, in the order of the steps. The last of the rows with the same step counts.
struct LoggedMetric {
  std::string split, name;
  std::vector<double> step, epoch, seconds;  // epoch: fractional; empty if the log does not have it
  std::vector<double> value;                 // NaN for null in the log
};

struct Confusion {
  std::string split;                        // empty if only confusion.csv has the matrix
  std::vector<std::string> classes;         // rows are labels, columns are predictions
  std::vector<std::vector<double>> counts;  // square
};

struct SpectrumFile {
  std::string name;  // of its folder; empty for the run's own
  Json facts;        // spectrum.json without the eigenvalues
  double tolerance = 0;
  std::vector<std::complex<double>> eigenvalues;
};

struct RunData {
  std::filesystem::path folder;
  std::string name;  // for the reader; unique in a report
  std::string task;
  Json config = Json::object(), results;  // results: null if the run has none
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

// Throws Error if the folder is not a run's: it has no config.json, or one without task and config.
RunData read_run(const std::filesystem::path& folder);

// These read the parts, and add them to `run`.
void read_log(RunData& run);       // metrics.jsonl
void read_results(RunData& run);   // results.json and confusion.csv
void read_spectra(RunData& run);   // spectrum.json, in the folder and in its direct subfolders
void read_pictures(RunData& run);  // truth_and_prediction.png and prediction.png

}  // namespace stillpoint::report
