// Writes predictions as text, CSV, JSON or a .npy array.
#pragma once
#include <functional>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "tasks/predict/solved.h"
#include "tasks/settings/registry.h"

namespace stillpoint {

struct PredictionColumns {
  std::vector<std::string> names = {};  // of classes or of values
  bool classes = true;                  // whether a row holds probabilities
  const char* row = nullptr;            // what a row of a file is; null: a file is one input
  bool positions = false;               // whether an input has a row per position
  bool solves = false;                  // whether the model solves for an equilibrium
  std::size_t shown = 1;                // the likeliest classes that the text names
};

class PredictionWriter {
 public:
  // Throws Error if an option of the request would do nothing, or --format npy has no file.
  PredictionWriter(const PredictRequest& request, PredictionColumns columns, std::ostream& out);
  // Writes row `row` of a file, from 1: `values` holds a line of columns for each position.
  void write(const std::string& file, Index row, const std::vector<double>& values,
             const SampleReport* report);
  void write_error(const std::string& file, const std::string& error);
  // Rows of this file have the name `-`.
  void set_standard_input(const std::string& file) { standard_input_ = file; }
  // Adds (samples, ...) for --fixed-points.
  void add_states(const Tensor& states);
  // Ends the output, and writes the files. Throws Error if the parts of an array differ in shape.
  void end();

 private:
  void write_csv(const std::string& file, Index row, Index position, const double* values,
                 const SampleReport* report);
  void write_json(const std::string& file, Index row, Index position, const double* values,
                  const SampleReport* report);
  void write_text(const std::string& file, Index row, Index position, const double* values,
                  const SampleReport* report);
  void add(const Json& row);
  std::string name_of(const std::string& file) const { return file == standard_input_ ? "-" : file; }

  const PredictRequest& request_;
  PredictionColumns columns_;
  std::string standard_input_ = {};
  std::ostringstream kept_;  // if there is a file to write
  std::ostream& out_;
  std::int64_t rows_ = 0;
  std::vector<double> values_, states_;  // of --format npy and --fixed-points
  Index inputs_ = 0, positions_ = 0;
  Shape state_ = {};  // (samples, ...) so far
};

// Calls `predict(file)`, which writes, for every input. Names on `err` those that it cannot read. `flush`
// writes what waits for a batch. Returns the exit code.
int predict_files(
    const PredictRequest& request, PredictionWriter& writer, std::ostream& err,
    const std::function<void(const std::string& file)>& predict, const std::function<void()>& flush = [] {});

}  // namespace stillpoint
