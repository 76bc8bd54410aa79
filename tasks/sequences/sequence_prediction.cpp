// Predicts file by file, and writes a row per sequence.
#include "tasks/sequences/sequence_prediction.h"

#include <algorithm>
#include <numeric>

#include "engine/io/checkpoint.h"
#include "engine/ops.h"
#include "tasks/drawing/csv.h"
#include "tasks/io/numbers.h"
#include "tasks/process/processes.h"
#include "tasks/sequences/sequence_data.h"
#include "tasks/sequences/sequence_task.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

constexpr std::size_t longest_path = 4096;

SequenceConfig config_of(const std::filesystem::path& checkpoint) {
  const RunRecord record = find_checkpoint(checkpoint).record;
  SequenceConfig config;
  read_config(config, record.config, checkpoint.string());
  use_precision(config.train);
  return config;
}

// The columns of a prediction: probabilities of classes or of the next token, or values.
class Predictor {
 public:
  Predictor(const PredictRequest& request)
      : config_(config_of(request.checkpoint)), network_(config_, request.device) {
    load_checkpoint(request.checkpoint, network_.model().params(), nullptr);
  }
  bool has_classes() const { return network_.settings().learn != "value"; }
  std::vector<std::string> columns() const {
    if (has_classes()) return network_.classes();
    const std::vector<std::string> targets = parse_names(network_.settings().label);
    std::vector<std::string> names;
    for (Index k = 0; k < network_.outputs(); ++k)
      names.push_back(Index(targets.size()) == network_.outputs() ? targets[std::size_t(k)]
                      : network_.outputs() == 1                   ? "value"
                                                                  : text("value ", k + 1));
    return names;
  }
  // Returns the columns of a sequence.
  std::vector<std::vector<double>> rows(const SequenceSet& set) const {
    const Recording off(false);
    std::vector<std::vector<double>> all;
    const std::size_t width = std::size_t(network_.outputs());
    for (Index first = 0; first < set.count(); first += config_.batch) {
      std::vector<Index> part(std::size_t(std::min(config_.batch, set.count() - first)));
      std::iota(part.begin(), part.end(), first);
      const Device device = network_.options().device;
      const Tensor y = SequenceModel::at_last(network_.model()(network_.inputs(set, part, 0).to(device)),
                                              network_.last_places(set, part).to(device));
      const std::vector<double> values = (has_classes() ? softmax(y) : y).values();
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (i % width == 0) all.emplace_back();
        all.back().push_back(has_classes() ? values[i]
                                           : values[i] * network_.target_deviation()[i % width] +
                                                 network_.target_mean()[i % width]);
      }
    }
    return all;
  }
  const SequenceSettings& settings() const { return network_.settings(); }

 private:
  SequenceConfig config_;
  SequenceModel network_;
};

class Writer {
 public:
  Writer(const PredictRequest& request, const Predictor& predictor, std::ostream& out)
      : format_(request.format), columns_(predictor.columns()), classes_(predictor.has_classes()), out_(out) {
    if (format_ == "json") out_ << "[";
    if (format_ != "csv") return;
    out_ << "file,sequence" << (classes_ ? ",class" : "");
    for (const std::string& name : columns_) out_ << ',' << drawing::csv_quoted(name);
    out_ << '\n';
  }
  void write(const std::string& file, std::size_t sequence, const std::vector<double>& values) {
    const std::size_t best = std::size_t(std::max_element(values.begin(), values.end()) - values.begin());
    if (format_ == "csv") {
      out_ << drawing::csv_quoted(path_to_text(file)) << ',' << sequence;
      if (classes_) out_ << ',' << drawing::csv_quoted(columns_[best]);
      out_ << ',' << written_values(values) << '\n';
    } else if (format_ == "json") {
      Json row = {{"file", path_to_text(file)}, {"sequence", sequence}};
      if (classes_) row["class"] = columns_[best];
      for (std::size_t c = 0; c < columns_.size(); ++c)
        row[classes_ ? "probabilities" : "values"][columns_[c]] = values[c];
      add(row);
    } else {
      out_ << shown(file, longest_path) << ", sequence " << sequence << ":";
      if (classes_)
        out_ << " " << shown(columns_[best]) << " " << format_fixed(100 * values[best], 2) << " %";
      for (std::size_t c = 0; c < columns_.size() && !classes_; ++c)
        out_ << (c == 0 ? " " : ", ") << shown(columns_[c]) << " " << format_digits(values[c], 6);
      out_ << "\n";
    }
  }
  void write_error(const std::string& file, const std::string& error) {
    if (format_ == "json") add({{"file", path_to_text(file)}, {"error", shown(error, longest_path)}});
  }
  void end() {
    if (format_ == "json") out_ << "\n]\n";
  }

 private:
  void add(const Json& row) {
    out_ << (rows_++ == 0 ? "\n  " : ",\n  ") << row.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  std::string format_;
  std::vector<std::string> columns_;
  bool classes_;
  std::ostream& out_;
  std::int64_t rows_ = 0;
};

}  // namespace

int predict_sequences(const PredictRequest& request, std::ostream& out, std::ostream& err) {
  require(request.background.empty() && !request.inverted, "predict: given ",
          request.inverted ? "--inverted" : "--background",
          " with sequences, where it would do nothing, expected it with pictures, leave it out");
  const Predictor predictor(request);
  Writer writer(request, predictor, out);
  bool good = true;
  for (const std::string& file : request.inputs) {
    try {
      const SequenceSet set = load_inputs(file, predictor.settings());
      const std::vector<std::vector<double>> rows = predictor.rows(set);
      for (std::size_t i = 0; i < rows.size(); ++i) writer.write(file, i + 1, rows[i]);
    } catch (const Error& error) {
      good = false;
      err << program_name() << ": " << shown_message(error.what()) << "\n";
      writer.write_error(file, error.what());
    }
  }
  writer.end();
  return good ? 0 : 1;
}

}  // namespace stillpoint
