// Sequences of one's own: the class or the value of each, or each next token.
#pragma once
#include <memory>
#include <vector>

#include "models/model_family.h"
#include "tasks/sequences/sequence_set.h"
#include "tasks/sequences/sequence_settings.h"
#include "tasks/settings/registry.h"

namespace stillpoint {

struct SequenceConfig {
  TrainConfig train{.epochs = 20, .lr = 2e-3, .clip = 1.0};
  std::string model = "single";
  std::filesystem::path data;
  SequenceSettings sequences;
  std::int64_t batch = 32;
  bool retrain = false;
  ModelSettings models{sequence_models()};

  template <class F>
  void fields(F& f) {
    f("model", model, sequence_models().summary().c_str(), one_of(sequence_models().names()));
    f("data", data,
      "file of sequences (.csv, .tsv, .npy, .npz), or folder with those of train, valid and test");
    sequences.fields(f);
    f("batch", batch, "sequences per step", counted());
    f("retrain", retrain, "train on training and validation sequences together");
    models.fields(f);
    train.fields(f);
  }
};

// What a model gets and gives, from settings that leave nothing open. Models are causal: places after the end
// of a shorter sequence do not change those before.
class SequenceModel {
 public:
  // Throws Error if the settings leave something open.
  SequenceModel(const SequenceConfig& config, Device device);

  Model& model() const { return *model_; }
  const SequenceSettings& settings() const { return settings_; }
  const std::vector<std::string>& classes() const {
    return classes_;
  }  // or tokens, if each next one is learnt
  const std::vector<double>& target_mean() const { return target_mean_; }
  const std::vector<double>& target_deviation() const { return target_deviation_; }
  TensorOptions options() const { return options_; }
  Index outputs() const;

  // Returns x of the sequences without their last `cut` steps, padded to the longest one, on the CPU: numbers
  // (n,C,T), scaled, or token ids int32 (n,T), if the model takes those. Throws Error if a step would not
  // fit.
  Tensor inputs(const SequenceSet& set, const std::vector<Index>& rows, Index cut) const;
  // Returns in each of a row's `outputs` columns the last place of its sequence, int32 (n,outputs).
  Tensor last_places(const SequenceSet& set, const std::vector<Index>& rows) const;
  // Takes the rows (n,outputs) at the last places from y (n T, outputs).
  static Tensor at_last(const Tensor& y, const Tensor& last);

 private:
  Index channels() const;

  SequenceSettings settings_;
  TensorOptions options_;
  std::vector<std::string> tokens_, classes_;
  std::vector<double> mean_, deviation_, target_mean_, target_deviation_;
  std::unique_ptr<Model> model_;
};

TaskRow<SequenceConfig> sequence_task();

}  // namespace stillpoint
