// Makes the model of a run, and its inputs.
#include <algorithm>
#include <cmath>

#include "engine/ops.h"
#include "tasks/sequences/sequence_task.h"

namespace stillpoint {
namespace {

constexpr Index most_numbers = Index(1) << 27;  // of a step's inputs

Index longest_of(const SequenceSet& set, const std::vector<Index>& rows, Index cut) {
  Index longest = 1;
  for (const Index row : rows) longest = std::max(longest, set.length(row) - cut);
  return longest;
}

}  // namespace

SequenceModel::SequenceModel(const SequenceConfig& config, Device device)
    : settings_(config.sequences),
      options_{dtype_of(config.train), device},
      tokens_(parse_names(settings_.tokens)),
      classes_(settings_.learn == "next" ? tokens_ : parse_names(settings_.classes)),
      mean_(parse_values("mean", settings_.mean)),
      deviation_(parse_values("deviation", settings_.deviation)),
      target_mean_(parse_values("value_mean", settings_.target_mean)),
      target_deviation_(parse_values("value_deviation", settings_.target_deviation)) {
  const bool value = settings_.learn == "value";
  require(settings_.has_tokens() ? tokens_.size() >= 2 : !mean_.empty() && mean_.size() == deviation_.size(),
          "sequence: given settings with ", tokens_.size(), " tokens, ", mean_.size(), " means and ",
          deviation_.size(), " deviations, expected those that a run records, correct them");
  require(
      value ? !target_mean_.empty() && target_mean_.size() == target_deviation_.size() : classes_.size() >= 2,
      "sequence: given settings without the classes or the moments of the values, expected those that a "
      "run records, correct them");
  for (const auto* const deviations : {&deviation_, &target_deviation_})
    for (const double d : *deviations)
      require(d > 0, "deviation: given ", d, ", expected numbers above 0, correct it");
  Initializer init(std::uint64_t(config.train.seed), options_);
  model_ = config.models.make(
      config.model, init,
      {.input = {channels()}, .outputs = outputs(), .tokens = settings_.has_tokens() ? channels() : 0});
}

Index SequenceModel::outputs() const {
  return Index(settings_.learn == "value" ? target_mean_.size() : classes_.size());
}

Index SequenceModel::channels() const {
  if (settings_.has_tokens()) return Index(tokens_.size());
  return Index(mean_.size()) * (settings_.missing == "mask" ? 2 : 1);
}

Tensor SequenceModel::inputs(const SequenceSet& set, const std::vector<Index>& rows, Index cut) const {
  const Index n = Index(rows.size()), length = longest_of(set, rows, cut), width = set.channels;
  const bool as_ids = settings_.has_tokens() && model_->facts().tokens;
  const Index channels = as_ids ? 1 : this->channels();
  require(channels * length <= most_numbers / n, "sequence: given ", n, " sequences of ", length,
          " steps and ", channels, " channels in a step, expected at most ", most_numbers,
          " numbers, lower batch or cut the sequences");
  require(settings_.has_tokens() || width == Index(mean_.size()), "sequence: given ", width,
          " channels, expected ", mean_.size(), " as in training");
  std::vector<std::int32_t> ids(std::size_t(as_ids ? n * length : 0), 0);
  std::vector<float> x(std::size_t(as_ids ? 0 : n * channels * length), 0);
  for (Index i = 0; i < n; ++i) {
    const float* const from = &set.x[std::size_t(set.begin(rows[std::size_t(i)]) * width)];
    const Index steps = set.length(rows[std::size_t(i)]) - cut;
    float* const to = as_ids ? nullptr : &x[std::size_t(i * channels * length)];
    for (Index t = 0; t < steps; ++t) {
      if (as_ids) ids[std::size_t(i * length + t)] = std::int32_t(from[t]);
      if (!as_ids && settings_.has_tokens()) to[Index(from[t]) * length + t] = 1;
      for (Index c = 0; c < width && !settings_.has_tokens(); ++c) {
        const float value = from[t * width + c];
        if (!std::isnan(value))
          to[c * length + t] = float((value - mean_[std::size_t(c)]) / deviation_[std::size_t(c)]);
        else
          to[(width + c) * length + t] = 1;
      }
    }
  }
  if (as_ids) return Tensor::from(ids, {n, length});
  return Tensor::from(x, {n, channels, length}).to(options_.dtype);
}

Tensor SequenceModel::last_places(const SequenceSet& set, const std::vector<Index>& rows) const {
  std::vector<std::int32_t> places;
  for (const Index row : rows)
    places.insert(places.end(), std::size_t(outputs()), std::int32_t(set.length(row) - 1));
  return Tensor::from(places, {Index(rows.size()), outputs()});
}

Tensor SequenceModel::at_last(const Tensor& y, const Tensor& last) {
  const Index n = last.dim(0), outputs = last.dim(1);
  return reshape(gather(reshape(y, {n, -1, outputs}), reshape(last, {n, 1, outputs}), 1), {n, outputs});
}

}  // namespace stillpoint
