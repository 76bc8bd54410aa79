// Image classification: data, batches, evaluation with its confusion matrix, prediction of one image.
#include "tasks/image_classification.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/checkpoint.h"
#include "tasks/data/scale_image.h"

namespace stillpoint {
namespace {

constexpr Index classes = 10, images_per_evaluation = 250;

TensorOptions options_of(const ImageClassificationConfig& config, Device device) {
  return {config.train.dtype == "float64" ? DType::float64 : DType::float32, device};
}

ImageSim make_model(const ImageClassificationConfig& config, TensorOptions options) {
  const DatasetInfo& info = dataset_info(config.dataset);
  const bool two_tier = config.model == "sim2";
  const Index channels = config.channels > 0 ? config.channels : paper_channels(two_tier, info.channels);
  Initializer init(std::uint64_t(config.train.seed), options);
  return ImageSim(init, {info.channels, info.height, info.width}, channels, config.head, classes, two_tier);
}

// What evaluating a split adds up.
struct Totals {
  double loss = 0;
  Confusion confusion = Confusion(classes, std::vector<Index>(classes, 0));
  Index images() const {
    Index n = 0;
    for (const auto& row : confusion) n = std::accumulate(row.begin(), row.end(), n);
    return n;
  }
  Index correct() const {
    Index n = 0;
    for (std::size_t c = 0; c < classes; ++c) n += confusion[c][c];
    return n;
  }
};

double log_sum_exp(const double* x) {
  const double most = *std::max_element(x, x + classes);
  double sum = 0;
  for (Index c = 0; c < classes; ++c) sum += std::exp(x[c] - most);
  return most + std::log(sum);
}

class ImageClassification : public Task {
 public:
  ImageClassification(const ImageClassificationConfig& config, Device device);
  ParamList params() override { return params_of(model_); }
  Index steps_per_epoch() const override { return batches_->steps_per_epoch(); }
  Index examples_per_step() const override { return config_.batch; }
  std::vector<Tensor> batch(Index step) const override { return typed(batches_->batch(step)); }
  Tensor loss(const std::vector<Tensor>& batch) override {
    return softmax_cross_entropy(model_(batch[0], true), batch[1]);
  }
  std::vector<std::string> splits() const override;
  Metrics evaluate(const std::string& split) override;
  Json details() const override;
  void write_results(const std::filesystem::path& folder, TensorBoardWriter*, Index) override;

 private:
  std::vector<Tensor> typed(std::vector<Tensor> batch) const {
    if (options_.dtype != DType::float32) batch[0] = batch[0].to(options_.dtype);
    return batch;
  }
  std::vector<Index> rows_of(const std::string& split) const;

  ImageClassificationConfig config_;
  TensorOptions options_;
  const DatasetInfo& info_;
  Dataset data_;
  Split split_;
  std::unique_ptr<ImageBatches> batches_;
  ImageSim model_;
  Totals latest_;  // of the latest evaluation
};

ImageClassification::ImageClassification(const ImageClassificationConfig& config, Device device)
    : config_(config),
      options_(options_of(config, device)),
      info_(dataset_info(config.dataset)),
      data_(load_dataset(config.dataset, config.data)),
      split_(split_rows(data_.train.count, std::uint64_t(config.train.seed), config.retrain)),
      batches_(std::make_unique<ImageBatches>(data_.train, split_.train, info_,
                                              ImageBatches::Options{.seed = std::uint64_t(config.train.seed),
                                                                    .batch_size = config.batch,
                                                                    .augmented = config.augment})),
      model_(make_model(config, options_)) {}

std::vector<std::string> ImageClassification::splits() const { return {"valid", "test"}; }

Metrics ImageClassification::evaluate(const std::string& split) {
  require(split == "valid" || split == "test" || split == "train", "image-classification: given split '",
          split, "', expected train, valid or test, choose one");
  const ImageSet& set = split == "test" ? data_.test : data_.train;
  const ImageBatches batches(set, rows_of(split), info_,
                             {.batch_size = images_per_evaluation, .shuffled = false});
  const Recording off(false);
  latest_ = {};
  for (Index step = 0; step < batches.steps_per_epoch(); ++step) {
    const std::vector<Tensor> batch = typed(batches.batch(step));
    const std::vector<double> logits = model_(batch[0].to(options_.device), false).values();
    const std::vector<double> labels = batch[1].values();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const double* const row = &logits[i * classes];
      const std::size_t label = std::size_t(labels[i]);
      latest_.loss += log_sum_exp(row) - row[label];
      ++latest_.confusion[label][std::size_t(std::max_element(row, row + classes) - row)];
    }
  }
  const double images = double(latest_.images());
  return {{"accuracy", double(latest_.correct()) / images}, {"loss", latest_.loss / images}};
}

std::vector<Index> ImageClassification::rows_of(const std::string& split) const {
  if (split == "test") return all_rows(data_.test.count);
  return split == "valid" ? split_.valid : split_.train;
}

Json ImageClassification::details() const {
  Json of_class = Json::object();
  for (std::size_t c = 0; c < classes; ++c) {
    const std::vector<Index>& row = latest_.confusion[c];
    const Index images = std::accumulate(row.begin(), row.end(), Index(0));
    of_class[info_.classes[c]] = images > 0 ? Json(double(row[c]) / double(images)) : Json();
  }
  return {{"accuracy_of_class", of_class}, {"confusion", latest_.confusion}};
}

// confusion.csv of the latest evaluation: a row per label, a column per predicted class.
void ImageClassification::write_results(const std::filesystem::path& folder, TensorBoardWriter*, Index) {
  std::string table = "label";
  for (const std::string& name : info_.classes) table += text(',', name);
  for (std::size_t c = 0; c < classes; ++c) {
    table += text('\n', info_.classes[c]);
    for (Index n : latest_.confusion[c]) table += text(',', n);
  }
  write_atomically(folder / "confusion.csv", table + "\n");
}

}  // namespace

Index paper_channels(bool two_tier, Index image_channels) {
  if (image_channels == 1) return two_tier ? 21 : 24;
  return two_tier ? 36 : 38;
}

std::vector<Prediction> predict_image(const std::filesystem::path& checkpoint, const Image& image,
                                      bool inverted, Device device) {
  const Json record = read_checkpoint_record(checkpoint);
  require(record.value("task", "") == "image-classification", "predict: given ", checkpoint.string(),
          ", a checkpoint of ", record.value("task", "no task"),
          ", expected one of image-classification, choose another");
  ImageClassificationConfig config;
  read_config(config, record.at("config"), checkpoint.string());
  const DatasetInfo& info = dataset_info(config.dataset);
  ImageSim model = make_model(config, options_of(config, device));
  load_checkpoint(checkpoint, params_of(model), nullptr);
  const ImageSet set = scaled_to(image, info, inverted);
  const ImageBatches one(set, {0}, info, {.batch_size = 1, .shuffled = false, .prefetched = false});
  const Recording off(false);
  const Tensor x = one.batch(0)[0].to(options_of(config, device).dtype).to(device);
  const std::vector<double> p = softmax(model(x, false)).values();
  std::vector<Prediction> out;
  for (std::size_t c = 0; c < classes; ++c) out.push_back({info.classes[c], p[c]});
  std::stable_sort(out.begin(), out.end(),
                   [](const Prediction& a, const Prediction& b) { return a.probability > b.probability; });
  return out;
}

std::unique_ptr<Task> make_image_classification(const ImageClassificationConfig& config, Device device) {
  return std::make_unique<ImageClassification>(config, device);
}

}  // namespace stillpoint
