// Trains and evaluates a model of sequences.
#include "tasks/sequences/sequence_task.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/ops.h"
#include "tasks/paper/class_counts.h"
#include "tasks/process/ranks.h"
#include "tasks/sequences/sequence_data.h"
#include "tasks/sequences/sequence_prediction.h"
#include "tasks/training/content.h"
#include "tasks/training/order.h"
#include "tasks/training/solver_metrics.h"

namespace stillpoint {
namespace {

using Rows = std::vector<Index>;

SequenceData load(const SequenceConfig& config) {
  require(!config.data.empty(), "data: given no file, expected one with sequences, name it with --data");
  const SequenceSettings& s = config.sequences;
  require(s.learn != "next" || s.has_tokens(),
          "learn: given next for numbers, expected tokens, set input=tokens");
  SequenceData data = of_this_machine(
      [&] { return load_sequences(config.data, s, std::uint64_t(config.train.seed), config.retrain); });
  if (s.learn == "next")
    for (Index n = 0; n < data.set.count(); ++n)
      require(data.set.length(n) >= 2, "data: given sequence ", n + 1,
              " of one token, expected at least two, so that there is a next one; leave it out");
  return data;
}

SequenceConfig with_settings(SequenceConfig config, const SequenceSettings& settings) {
  config.sequences = settings;
  return config;
}

// Returns the settings that the data have decided.
Json found_settings(const SequenceSettings& open, const SequenceSettings& settled) {
  const Json before = write_config(open), after = write_config(settled);
  Json found = Json::object();
  for (const auto& [name, value] : after.items())
    if (value != before[name]) found[name] = value;
  return found;
}

class SequenceTask : public Task {
 public:
  SequenceTask(const SequenceConfig& config, Device device);
  ParamList params() override { return network_.model().params(); }
  Model* model() override { return &network_.model(); }
  std::vector<Tensor> batch(Index step) const override;
  Tensor loss(const std::vector<Tensor>& batch) override;
  void before_step(Index step, const std::vector<Tensor>& batch) override {
    network_.model().before_step(step, facts_.steps_per_epoch, batch[0]);
  }
  std::function<Metrics()> statistics() const override { return solver_metrics(network_.model()); }
  Evaluation evaluate(const std::string& split) override;
  void write_results(const std::filesystem::path& folder, TensorBoardWriter*, Index) override {
    if (latest_) latest_->write(folder / "confusion.csv");
  }

 private:
  bool learns(const char* what) const { return network_.settings().learn == what; }
  std::vector<Tensor> next_batch(const Rows& rows) const;
  Tensor targets_of(const Rows& rows) const;
  Tensor value_of(const std::vector<Tensor>& batch) const;
  template <class Add>
  void each_batch(const Rows& rows, const Add& add) const;
  Evaluation classified(const Rows& rows);
  Evaluation valued(const Rows& rows) const;
  Evaluation continued(const Rows& rows) const;

  SequenceConfig config_;
  SequenceData data_;
  SequenceModel network_;
  EpochOrder order_;
  std::optional<ClassCounts> latest_;  // of the latest evaluation; empty without classes
};

SequenceTask::SequenceTask(const SequenceConfig& config, Device device)
    : config_(config),
      data_(load(config)),
      network_(with_settings(config, data_.settings), device),
      order_{std::uint64_t(config.train.seed), Index(data_.train.size()), true} {
  const Index n = order_.examples;
  facts_ = {.steps_per_epoch = (n + config.batch - 1) / config.batch,
            .examples_per_step = std::min(config.batch, n),
            .recordable = network_.model().facts().recordable,
            .writes_results = learns("class"),
            .content = content_of(data_),
            .note = data_.note,
            .found = found_settings(config.sequences, data_.settings)};
}

// Returns x, the labels of all places and their weights. The weights of a whole batch sum to its sequences,
// so that a part of it has the mean of its own, too.
std::vector<Tensor> SequenceTask::next_batch(const Rows& rows) const {
  const SequenceSet& set = data_.set;
  const Tensor x = network_.inputs(set, rows, 1);
  const Index n = Index(rows.size()), length = x.dim(-1);
  std::vector<std::int32_t> labels(std::size_t(n * length), 0);
  std::vector<double> weights(labels.size(), 0);
  Index places = 0;
  for (const Index row : rows) places += set.length(row) - 1;
  for (Index i = 0; i < n; ++i) {
    const Index row = rows[std::size_t(i)], begin = set.begin(row);
    for (Index t = 0; t + 1 < set.length(row); ++t) {
      labels[std::size_t(i * length + t)] = std::int32_t(set.x[std::size_t(begin + t + 1)]);
      weights[std::size_t(i * length + t)] = double(n) / double(places);
    }
  }
  return {x, Tensor::from(labels, {n * length}),
          Tensor::from(weights, {n * length}, {network_.options().dtype, Device::cpu})};
}

// Returns labels int32 (n), or scaled values (n,outputs).
Tensor SequenceTask::targets_of(const Rows& rows) const {
  const Index width = data_.set.targets, n = Index(rows.size());
  std::vector<std::int32_t> labels;
  std::vector<double> values;
  for (const Index row : rows)
    for (Index k = 0; k < width; ++k) {
      const double y = data_.set.y[std::size_t(row * width + k)];
      if (learns("class"))
        labels.push_back(std::int32_t(y));
      else
        values.push_back((y - network_.target_mean()[std::size_t(k)]) /
                         network_.target_deviation()[std::size_t(k)]);
    }
  if (learns("class")) return Tensor::from(labels, {n});
  return Tensor::from(values, {n, width}, {network_.options().dtype, Device::cpu});
}

std::vector<Tensor> SequenceTask::batch(Index step) const {
  Rows rows;
  for (const Index place : order_.batch(step, config_.batch)) rows.push_back(data_.train[std::size_t(place)]);
  std::vector<Tensor> batch =
      learns("next") ? next_batch(rows)
                     : std::vector<Tensor>{network_.inputs(data_.set, rows, 0),
                                           network_.last_places(data_.set, rows), targets_of(rows)};
  if (const Index width = network_.model().facts().noise; width > 0) {
    Initializer noise(std::uint64_t(config_.train.seed) + std::uint64_t(step + 1) * 0x9E3779B97F4A7C15u,
                      {network_.options().dtype, Device::cpu});
    batch.push_back(noise.normal({batch[0].dim(0), batch[0].dim(-1), width}, 1).detach());
  }
  return batch;
}

Tensor SequenceTask::loss(const std::vector<Tensor>& batch) {
  const Model::Value value = network_.model().train(batch[0], batch.size() > 3 ? batch[3] : Tensor());
  Tensor loss;
  if (learns("next"))
    loss = softmax_cross_entropy(value.y, batch[1], batch[2]) / double(batch[0].dim(0));
  else if (const Tensor last = SequenceModel::at_last(value.y, batch[1]); learns("class"))
    loss = softmax_cross_entropy(last, batch[2]);
  else
    loss = mean_squared_error(last, batch[2]);
  return value.penalty.defined() ? loss + value.penalty : loss;
}

template <class Add>
void SequenceTask::each_batch(const Rows& rows, const Add& add) const {
  const Recording off(false);
  for (std::size_t first = 0; first < rows.size(); first += std::size_t(config_.batch)) {
    const std::size_t end = std::min(rows.size(), first + std::size_t(config_.batch));
    add(Rows(rows.begin() + std::ptrdiff_t(first), rows.begin() + std::ptrdiff_t(end)));
  }
}

Evaluation SequenceTask::classified(const Rows& rows) {
  const Device device = network_.options().device;
  latest_.emplace(network_.classes());
  double loss = 0;
  each_batch(rows, [&](const Rows& part) {
    const Tensor y = network_.model()(network_.inputs(data_.set, part, 0).to(device));
    const Tensor logits = SequenceModel::at_last(y, network_.last_places(data_.set, part).to(device)),
                 labels = targets_of(part).to(device);
    loss += softmax_cross_entropy(logits, labels).item() * double(part.size());
    latest_->add(logits, labels);
  });
  return {{{"accuracy", latest_->accuracy()}, {"loss", loss / double(rows.size())}}, latest_->details()};
}

Evaluation SequenceTask::valued(const Rows& rows) const {
  const Device device = network_.options().device;
  const std::size_t width = network_.target_mean().size();
  double loss = 0, squared = 0, absolute = 0;
  each_batch(rows, [&](const Rows& part) {
    const Tensor y = network_.model()(network_.inputs(data_.set, part, 0).to(device));
    const std::vector<double> found =
        SequenceModel::at_last(y, network_.last_places(data_.set, part).to(device)).values();
    const std::vector<double> truth = targets_of(part).values();
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const double error = found[i] - truth[i], of_target = error * network_.target_deviation()[i % width];
      loss += error * error;
      squared += of_target * of_target;
      absolute += std::abs(of_target);
    }
  });
  const double n = double(rows.size() * width);
  return {{{"loss", loss / n}, {"squared_error", squared / n}, {"absolute_error", absolute / n}}};
}

Evaluation SequenceTask::continued(const Rows& rows) const {
  const Device device = network_.options().device;
  double loss = 0, right = 0;
  Index places = 0;
  each_batch(rows, [&](const Rows& part) {
    const std::vector<Tensor> batch = next_batch(part);
    const Tensor logits = network_.model()(batch[0].to(device));
    const std::vector<double> guesses = argmax(logits).values(), labels = batch[1].values(),
                              weights = batch[2].values();
    Index valid = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      valid += weights[i] > 0;
      right += weights[i] > 0 && guesses[i] == labels[i];
    }
    loss += softmax_cross_entropy(logits, batch[1].to(device), batch[2].to(device)).item() * double(valid) /
            double(part.size());
    places += valid;
  });
  loss /= double(places);
  return {{{"loss", loss}, {"accuracy", right / double(places)}, {"perplexity", std::exp(loss)}}};
}

Evaluation SequenceTask::evaluate(const std::string& split) {
  require(split == "train" || split == "valid" || split == "test", "sequence: given split '", split,
          "', expected train, valid or test, choose one");
  const Rows& rows = split == "train" ? data_.train : split == "valid" ? data_.valid : data_.test;
  return learns("class") ? classified(rows) : learns("value") ? valued(rows) : continued(rows);
}

std::unique_ptr<Task> make_sequence(const SequenceConfig& config, Device device) {
  return std::make_unique<SequenceTask>(config, device);
}

}  // namespace

TaskRow<SequenceConfig> sequence_task() {
  return {.name = "sequence",
          .summary = "sequences of your own from CSV and NumPy files: classes, values, next tokens",
          .make = make_sequence,
          .models = &sequence_models(),
          .uses = {{{"classes"}, {"learn"}, {"class"}},
                   {{"label"}, {"learn"}, {"class", "value"}},
                   {{"value_mean", "value_deviation"}, {"learn"}, {"value"}},
                   {{"tokens"}, {"input"}, {"tokens"}},
                   {{"mean", "deviation", "missing"}, {"input"}, {"numbers"}}},
          .predict = predict_sequences};
}

}  // namespace stillpoint
