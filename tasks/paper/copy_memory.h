// Copy memory (Bai, Kolter, Koltun 2018; SIM paper Table 1): recall ten digits after T blanks.
#pragma once
#include "models/model_family.h"
#include "tasks/settings/registry.h"

namespace stillpoint {

struct CopyMemoryConfig {
  TrainConfig train{.epochs = 20, .lr = 1e-3, .eps = 1e-5, .clip = 1.0};
  std::string model = "single";
  std::int64_t blank = 500, batch = 1;
  std::int64_t train_sequences = 4500, valid_sequences = 500, test_sequences = 500;
  std::int64_t data_seed = 1111;
  bool shuffle = false, retrain = false;
  ModelSettings models{sequence_models()};

  template <class F>
  void fields(F& f) {
    f("model", model, sequence_models().summary().c_str(), one_of(sequence_models().names()));
    f("blank", blank, "T, the blanks between the digits and their recall", between(1, most_long));
    f("batch", batch, "sequences per step", counted());
    f("train_sequences", train_sequences, "sequences to train on", counted());
    f("valid_sequences", valid_sequences, "sequences to validate on", counted());
    f("test_sequences", test_sequences, "sequences to test on", counted());
    f("data_seed", data_seed, "seed of the digits", at_least(0));
    f("shuffle", shuffle, "visit the sequences of an epoch in a new order (the original does not)");
    f("retrain", retrain, "train on training and validation sequences together");
    models.fields(f);
    train.fields(f);
  }
};

// Sequences of length T + 20: ten digits 1..8, T - 1 zeros, eleven 9s. Targets: T + 10 zeros, the digits.
struct CopyMemoryData {
  static constexpr Index symbols = 10;
  Index length;
  std::vector<float> x;         // (n, length)
  std::vector<std::int32_t> y;  // (n, length)
  static CopyMemoryData make(Index sequences, Index blank, std::uint64_t seed);
};

TaskRow<CopyMemoryConfig> copy_memory_task();

}  // namespace stillpoint
