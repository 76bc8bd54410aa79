// Image classification: batches and evaluation.
#include "tasks/paper/image_classification.h"

#include <algorithm>

#include "tasks/data/pictures/picture_files.h"
#include "tasks/paper/class_counts.h"
#include "tasks/paper/image_prediction.h"
#include "tasks/training/content.h"
#include "tasks/training/solver_metrics.h"

namespace stillpoint {
namespace {

constexpr Index images_per_evaluation = 250;

TensorOptions options_of(const ImageClassificationConfig& config, Device device) {
  return {dtype_of(config.train), device};
}

bool is_folder(const ImageClassificationConfig& config) {
  const std::filesystem::path& data = config.data;
  if (config.dataset == "folder") {
    require(!data.empty(), "data: given no folder of pictures, expected one, name it with --data");
    return true;
  }
  if (config.dataset != "auto" || data.empty()) return false;
  std::error_code code;
  require(std::filesystem::is_directory(data, code), "data: given ", data.string(),
          std::filesystem::exists(data, code) ? ", which is no folder" : ", which does not exist",
          ", expected a folder of pictures with one subfolder per class; name a published data set with "
          "--dataset");
  return !has_mnist(data);
}

Dataset load_images(const ImageClassificationConfig& config) {
  if (is_folder(config)) return load_pictures(config.data, config.pictures);
  const std::string name = config.dataset == "auto" ? "mnist" : config.dataset;
  const Json given = write_config(config.pictures), usual = write_config(PictureSettings());
  for (const auto& [setting, value] : given.items())
    require(value == usual[setting], setting, ": given with the files of ", name,
            ", where it would do nothing, expected it with a folder of pictures, leave it out");
  return load_dataset(name, config.data);
}

// Returns the settings that the data have decided.
Json found_settings(const ImageClassificationConfig& config, const DatasetInfo& info) {
  Json found = Json::object();
  if (info.cropped) found = write_config(with_properties(config.pictures, info));
  if (config.dataset == "auto") found["dataset"] = info.name;
  return found;
}

Split split_of(const ImageClassificationConfig& config, const Dataset& data) {
  if (!data.valid.empty()) return split_rows(data.train.count, data.valid, config.retrain);
  const Split split = split_rows(data.train.count, std::uint64_t(config.train.seed), config.retrain);
  if (!data.info.cropped) return split;
  std::vector<std::int32_t> labels;
  for (const Index row : split.train) labels.push_back(data.train.labels[std::size_t(row)]);
  require_every_class(text("the pictures that are left when a tenth is drawn to validate"), data.info.classes,
                      labels);
  return split;
}

class ImageClassification : public Task {
 public:
  ImageClassification(const ImageClassificationConfig& config, Device device);
  ParamList params() override { return model_->params(); }
  Model* model() override { return model_.get(); }
  std::vector<Tensor> batch(Index step) const override { return typed(batches_->batch(step)); }
  Tensor loss(const std::vector<Tensor>& batch) override {
    return softmax_cross_entropy(model_->train(batch[0], {}).y, batch[1]);
  }
  void before_step(Index step, const std::vector<Tensor>& batch) override {
    model_->before_step(step, facts_.steps_per_epoch, batch[0]);
  }
  std::function<Metrics()> statistics() const override { return solver_metrics(*model_); }
  Evaluation evaluate(const std::string& split) override;
  void write_results(const std::filesystem::path& folder, TensorBoardWriter*, Index) override;

 private:
  std::vector<Tensor> typed(std::vector<Tensor> batch) const {
    if (options_.dtype != DType::float32) batch[0] = batch[0].to(options_.dtype);
    return batch;
  }
  std::vector<Index> rows_of(const std::string& split) const;

  ImageClassificationConfig config_;
  TensorOptions options_;
  Dataset data_;
  const DatasetInfo& info_;
  Split split_;
  std::unique_ptr<ImageBatches> batches_;
  std::unique_ptr<Model> model_;
  ClassCounts latest_;  // of the latest evaluation
};

ImageClassification::ImageClassification(const ImageClassificationConfig& config, Device device)
    : config_(config),
      options_(options_of(config, device)),
      data_(of_this_machine([&] { return load_images(config); })),
      info_(data_.info),
      split_(split_of(config, data_)),
      batches_(std::make_unique<ImageBatches>(data_.train, split_.train, info_,
                                              ImageBatches::Options{.seed = std::uint64_t(config.train.seed),
                                                                    .batch_size = config.batch,
                                                                    .augmented = config.augment})),
      model_(make_image_model(config, info_, options_)),
      latest_(info_.classes) {
  facts_ = {.steps_per_epoch = batches_->steps_per_epoch(),
            .examples_per_step = std::min(config.batch, Index(split_.train.size())),
            .recordable = model_->facts().recordable,
            .writes_results = true,
            .content = content_of(data_),
            .note = data_.note,
            .found = found_settings(config, info_)};
}

Evaluation ImageClassification::evaluate(const std::string& split) {
  require(split == "valid" || split == "test" || split == "train", "image-classification: given split '",
          split, "', expected train, valid or test, choose one");
  const ImageSet& set = split == "test" ? data_.test : data_.train;
  const ImageBatches batches(set, rows_of(split), info_,
                             {.batch_size = images_per_evaluation, .shuffled = false});
  const Recording off(false);
  double loss = 0;
  latest_ = ClassCounts(info_.classes);
  for (Index step = 0; step < batches.steps_per_epoch(); ++step) {
    const std::vector<Tensor> batch = typed(batches.batch(step));
    const Tensor logits = (*model_)(batch[0].to(options_.device)), labels = batch[1].to(options_.device);
    loss += softmax_cross_entropy(logits, labels).item() * double(labels.size());
    latest_.add(logits, labels);
  }
  return {{{"accuracy", latest_.accuracy()}, {"loss", loss / double(latest_.count())}}, latest_.details()};
}

std::vector<Index> ImageClassification::rows_of(const std::string& split) const {
  if (split == "test") return all_rows(data_.test.count);
  return split == "valid" ? split_.valid : split_.train;
}

void ImageClassification::write_results(const std::filesystem::path& folder, TensorBoardWriter*, Index) {
  latest_.write(folder / "confusion.csv");
}

}  // namespace

DatasetInfo properties_of(const ImageClassificationConfig& config) {
  return config.dataset == "folder" ? picture_info(config.pictures) : dataset_info(config.dataset);
}

std::unique_ptr<Model> make_image_model(const ImageClassificationConfig& config, const DatasetInfo& info,
                                        TensorOptions options) {
  Initializer init(std::uint64_t(config.train.seed), options);
  return config.models.make(config.model, init,
                            {.input = {info.channels, info.height, info.width},
                             .outputs = Index(info.classes.size()),
                             .channels = config.channels});
}

namespace {

std::unique_ptr<Task> make_image_classification(const ImageClassificationConfig& config, Device device) {
  return std::make_unique<ImageClassification>(config, device);
}

SelftestRow selftest_row(const SelftestPlaces& places) {
  return {.settings = {{"dataset", "mnist"}, {"data", places.digits}},
          .small = {{"channels", "3"}, {"batch", 6}, {"d_phi", 8}, {"d_psi", 10}, {"hidden", 6}},
          .batch = "batch 128",
          .steps_on_cpu = 3};
}

}  // namespace

TaskRow<ImageClassificationConfig> image_classification_task() {
  return {.name = "image-classification",
          .summary = "pictures in folders; digits, clothes and small photographs (paper, Table 2)",
          .make = make_image_classification,
          .models = &image_models(),
          .uses = {{{"size", "colours", "background", "classes", "mean", "deviation", "skip_bad",
                     "picture_memory"},
                    {"dataset"},
                    {"auto", "folder"}}},
          .predict = predict_pictures,
          .selftest = selftest_row};
}

}  // namespace stillpoint
