// Makes the data and batches of copy memory, and evaluates models on it.
#include "tasks/paper/copy_memory.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/io/checkpoint.h"
#include "kernels/host/host_memory.h"
#include "kernels/launch/philox.h"
#include "tasks/paper/copy_prediction.h"
#include "tasks/training/order.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/solver_metrics.h"

namespace stillpoint {
namespace {

constexpr Index digits = 10, symbols = CopyMemoryData::symbols, sequences_per_evaluation = 50;
constexpr Index most_tokens = Index(1) << 22;  // per step: seconds of work for the default model
constexpr Index equilibria_per_evaluation = 5;

// The sums over positions from which the metrics are computed.
struct LossTotals {
  double loss = 0, recalled_loss = 0;
  Index correct = 0, positions = 0, whole = 0, sequences = 0;
};

Index training_count(const CopyMemoryConfig& config) {
  return config.train_sequences + (config.retrain ? config.valid_sequences : 0);
}

// -log p_y in float64, exact up to rounding even if p_y is 1 - 1e-16.
double token_loss(const double* logits, Index label) {
  double others = 0;  // sum over the other classes of exp(l_c - l_y)
  for (Index c = 0; c < symbols; ++c)
    if (c != label) others += std::exp(logits[c] - logits[label]);
  return std::log1p(others);
}

class CopyMemory : public Task {
 public:
  CopyMemory(const CopyMemoryConfig& config, Device device);
  ParamList params() override { return model_->params(); }
  Model* model() override { return model_.get(); }
  std::vector<Tensor> batch(Index step) const override;
  Tensor loss(const std::vector<Tensor>& batch) override;
  Evaluation evaluate(const std::string& split) override;
  std::function<Metrics()> statistics() const override { return solver_metrics(*model_); }

 private:
  std::vector<Tensor> inputs_and_labels(const std::vector<Index>& rows) const;
  void add_totals(const std::vector<Index>& rows, LossTotals& totals) const;

  CopyMemoryConfig config_;
  TensorOptions options_;
  CopyMemoryData data_;
  Index training_count_;
  EpochOrder order_;
  std::unique_ptr<Model> model_;
};

CopyMemory::CopyMemory(const CopyMemoryConfig& config, Device device)
    : config_(config),
      options_{dtype_of(config.train), device},
      data_(CopyMemoryData::make(config.train_sequences + config.valid_sequences + config.test_sequences,
                                 config.blank, std::uint64_t(config.data_seed))),
      training_count_(training_count(config)),
      order_{std::uint64_t(config.train.seed), training_count_, config.shuffle} {
  Initializer init(std::uint64_t(config.train.seed), options_);
  model_ = config.models.make(config.model, init, {.outputs = symbols});
  facts_ = {.steps_per_epoch = (training_count_ + config.batch - 1) / config.batch,
            .examples_per_step = std::min(config.batch, training_count_),
            .recordable = model_->facts().recordable};
}

// Returns x (n,1,length), or token ids (n,length) if the model takes those, and y (n length), on the CPU.
std::vector<Tensor> CopyMemory::inputs_and_labels(const std::vector<Index>& rows) const {
  const Index length = data_.length;
  std::vector<float> x;
  std::vector<std::int32_t> y;
  x.reserve(rows.size() * std::size_t(length));
  y.reserve(rows.size() * std::size_t(length));
  for (Index row : rows) {
    x.insert(x.end(), data_.x.begin() + row * length, data_.x.begin() + (row + 1) * length);
    y.insert(y.end(), data_.y.begin() + row * length, data_.y.begin() + (row + 1) * length);
  }
  const Index n = Index(rows.size());
  const Tensor labels = Tensor::from(y, {n * length});
  if (model_->facts().tokens)
    return {Tensor::from(std::vector<std::int32_t>(x.begin(), x.end()), {n, length}), labels};
  return {Tensor::from(x, {n, 1, length}).to(options_.dtype), labels};
}

std::vector<Tensor> CopyMemory::batch(Index step) const {
  std::vector<Tensor> inputs = inputs_and_labels(order_.batch(step, config_.batch));
  const Index width = model_->facts().noise;
  if (width == 0) return inputs;
  Initializer noise(std::uint64_t(config_.train.seed) + std::uint64_t(step + 1) * 0x9E3779B97F4A7C15u,
                    {options_.dtype, Device::cpu});
  inputs.push_back(noise.normal({inputs[0].dim(0), data_.length, width}, 1).detach());
  return inputs;
}

Tensor CopyMemory::loss(const std::vector<Tensor>& batch) {
  const Model::Value value = model_->train(batch[0], batch.size() > 2 ? batch[2] : Tensor());
  const Tensor loss = softmax_cross_entropy(value.y, batch[1]);
  return value.penalty.defined() ? loss + value.penalty : loss;
}

void CopyMemory::add_totals(const std::vector<Index>& rows, LossTotals& totals) const {
  const Recording off(false);
  const std::vector<double> z = (*model_)(inputs_and_labels(rows)[0].to(options_.device)).values();
  for (std::size_t n = 0; n < rows.size(); ++n) {
    bool whole = true;
    for (Index t = 0; t < data_.length; ++t) {
      const std::size_t position = n * std::size_t(data_.length) + std::size_t(t);
      const Index label = data_.y[std::size_t(rows[n] * data_.length + t)];
      const double* const row = &z[position * symbols];
      const double loss = token_loss(row, label);
      const bool correct = std::max_element(row, row + symbols) - row == label;
      totals.loss += loss;
      totals.correct += correct;
      whole = whole && correct;
      if (t >= data_.length - digits) totals.recalled_loss += loss;
    }
    totals.whole += whole;
  }
  totals.positions += Index(rows.size()) * data_.length;
  totals.sequences += Index(rows.size());
}

Evaluation CopyMemory::evaluate(const std::string& split) {
  const bool test = split == "test";
  require(test || split == "valid", "copy-memory: given split '", split,
          "', expected valid or test, choose one");
  Index row = config_.train_sequences + (test ? config_.valid_sequences : 0);
  const Index end = row + (test ? config_.test_sequences : config_.valid_sequences);
  LossTotals totals;
  while (row < end) {
    const Index most = model_->facts().solves ? equilibria_per_evaluation : sequences_per_evaluation;
    std::vector<Index> rows(std::size_t(std::min(most, end - row)));
    std::iota(rows.begin(), rows.end(), row);
    row += Index(rows.size());
    add_totals(rows, totals);
  }
  const double sequences = double(totals.sequences);
  return {{{"loss", totals.loss / double(totals.positions)},
           {"accuracy", double(totals.correct) / double(totals.positions)},
           {"loss_recalled", totals.recalled_loss / (sequences * digits)},
           {"loss_sequence", totals.loss / sequences},
           {"sequences_recalled", double(totals.whole) / sequences}}};
}

}  // namespace

CopyMemoryData CopyMemoryData::make(Index sequences, Index blank, std::uint64_t seed) {
  CopyMemoryData data{blank + 2 * digits, {}, {}};
  kernels::require_host_memory({sequences, data.length, sizeof(float) + sizeof(std::int32_t)},
                               text(sequences, " sequences of copy-memory, each of ", data.length, " tokens"),
                               "lower train_sequences, valid_sequences, test_sequences or blank");
  data.x.assign(std::size_t(sequences * data.length), 0);
  data.y.assign(std::size_t(sequences * data.length), 0);
  for (Index n = 0; n < sequences; ++n) {
    float* const x = &data.x[std::size_t(n * data.length)];
    std::int32_t* const y = &data.y[std::size_t(n * data.length)];
    for (Index i = 0; i < digits; ++i) {
      const std::int32_t digit =
          1 + std::int32_t(kernels::philox(seed, std::uint64_t(n), std::uint64_t(i)).x[0] >> 29);
      x[i] = float(digit);
      y[data.length - digits + i] = digit;
    }
    std::fill(x + digits + blank - 1, x + data.length, 9.0f);
  }
  return data;
}

namespace {

CopyMemoryConfig config_of(const std::filesystem::path& checkpoint, const std::vector<std::string>& models) {
  const RunRecord record = find_checkpoint(checkpoint).record;
  require(record.task == "copy-memory", "copy-memory: given ", checkpoint.string(), ", a checkpoint of ",
          record.task, ", expected one of copy-memory, choose another");
  CopyMemoryConfig config;
  read_config(config, record.config, checkpoint.string());
  require(std::find(models.begin(), models.end(), config.model) != models.end(), "copy-memory: given ",
          checkpoint.string(), ", a checkpoint of model ", config.model, ", expected model ", models.front(),
          ", choose another");
  return config;
}

template <class M>
M load_model(const CopyMemoryConfig& config, const std::filesystem::path& checkpoint) {
  Initializer init(0, {dtype_of(config.train), Device::cpu});
  const std::unique_ptr<Model> model = config.models.make(config.model, init, {.outputs = symbols});
  load_checkpoint(checkpoint, model->params(), nullptr);
  return dynamic_cast<const ModelOf<M>&>(*model).get();
}

// Throws Error, too, if the sets are smaller.
TrainedDeq load_deq(const std::filesystem::path& checkpoint, Index fit, Index held_out) {
  const CopyMemoryConfig c = config_of(checkpoint, {"deq"});
  require(fit <= c.train_sequences && held_out <= c.test_sequences, "copy-memory: given ", fit,
          " training and ", held_out, " test sequences to take, expected at most ", c.train_sequences,
          " and ", c.test_sequences, " of ", checkpoint.string());
  TrainedDeq trained{load_model<DeqTransformer>(c, checkpoint), {}, {}, {}};
  const Index before_test = c.train_sequences + c.valid_sequences;
  const CopyMemoryData data =
      CopyMemoryData::make(before_test + held_out, c.blank, std::uint64_t(c.data_seed));
  const auto rows = [&](const auto& values, Index first, Index count) {
    const auto at = values.begin() + first * data.length;
    return Tensor::from(std::vector<std::int32_t>(at, at + count * data.length), {count, data.length});
  };
  trained.fit = rows(data.x, 0, fit);
  trained.held_out = rows(data.x, before_test, held_out);
  trained.held_out_labels = reshape(rows(data.y, before_test, held_out), {-1});
  return trained;
}

SequenceLift load_lift(const std::filesystem::path& checkpoint) {
  return load_model<SequenceSim>(config_of(checkpoint, {"single", "two"}), checkpoint).phi;
}

std::unique_ptr<Task> make_copy_memory(const CopyMemoryConfig& config, Device device) {
  const Index sequences = std::min(config.batch, training_count(config)), length = config.blank + 2 * digits;
  require(length <= most_tokens / sequences, "copy-memory: given ", sequences, " sequences of ", length,
          " tokens in a step, expected at most ", most_tokens, " tokens, lower blank or batch");
  return std::make_unique<CopyMemory>(config, device);
}

SelftestRow copy_memory_row(const SelftestPlaces&) {
  return {.settings = {{"train_sequences", 20}, {"valid_sequences", 1}, {"test_sequences", 1}},
          .small = {{"blank", 30}, {"tcn_blocks", 4}, {"batch", 3}},
          .batch = "batch 1",
          .steps_on_cpu = 100};
}

}  // namespace

TaskRow<CopyMemoryConfig> copy_memory_task() {
  return {.name = "copy-memory",
          .summary = "recall ten digits after a long blank (paper, Table 1)",
          .make = make_copy_memory,
          .models = &sequence_models(),
          .predict = predict_copies,
          .selftest = copy_memory_row,
          .spectrum = SpectrumSource{load_deq, load_lift}};
}

}  // namespace stillpoint
