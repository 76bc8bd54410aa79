// Predicts the sequences of files.
#include "tasks/sequences/sequence_prediction.h"

#include <algorithm>
#include <numeric>

#include "engine/io/checkpoint.h"
#include "engine/ops.h"
#include "tasks/predict/prediction_writer.h"
#include "tasks/sequences/sequence_data.h"
#include "tasks/sequences/sequence_task.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

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
  // Writes the rows of a file.
  void write(const std::string& file, const SequenceSet& set, std::size_t batch,
             PredictionWriter& writer) const {
    const Index width = network_.outputs();
    for (Index first = 0; first < set.count(); first += Index(batch)) {
      std::vector<Index> part(std::size_t(std::min(Index(batch), set.count() - first)));
      std::iota(part.begin(), part.end(), first);
      const Device device = network_.options().device;
      const Recording off(false);
      const Solved found = solved(network_.model(), network_.inputs(set, part, 0).to(device));
      const Tensor y = SequenceModel::at_last(found.y, network_.last_places(set, part).to(device));
      std::vector<double> values = (has_classes() ? softmax(y) : y).values();
      for (std::size_t i = 0; i < values.size() && !has_classes(); ++i)
        values[i] = values[i] * network_.target_deviation()[i % std::size_t(width)] +
                    network_.target_mean()[i % std::size_t(width)];
      for (std::size_t i = 0; i < part.size(); ++i) {
        const auto at = values.begin() + std::ptrdiff_t(i) * width;
        writer.write(file, part[i] + 1, {at, at + width}, found.report(i));
      }
      writer.add_states(found.state);
    }
  }
  bool solves() const { return network_.model().facts().solves; }
  const SequenceSettings& settings() const { return network_.settings(); }

 private:
  SequenceConfig config_;
  SequenceModel network_;
};

}  // namespace

int predict_sequences(const PredictRequest& request, std::ostream& out, std::ostream& err) {
  request.require_no_pictures();
  const Predictor predictor(request);
  PredictionWriter writer(request,
                          {.names = predictor.columns(),
                           .classes = predictor.has_classes(),
                           .row = "sequence",
                           .solves = predictor.solves()},
                          out);
  return predict_files(request, writer, err, [&](const std::string& file) {
    predictor.write(file, load_inputs(file, predictor.settings()), request.batch_for(predictor.solves()),
                    writer);
  });
}

}  // namespace stillpoint
