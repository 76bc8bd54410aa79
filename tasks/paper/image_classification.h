// Image classification (SIM paper Table 2): MNIST, Fashion-MNIST, CIFAR-10, SVHN, and folders of pictures.
#pragma once
#include "models/model_family.h"
#include "tasks/data/image_batches.h"
#include "tasks/data/pictures/picture_folder.h"
#include "tasks/io/image.h"
#include "tasks/settings/registry.h"

namespace stillpoint {

struct ImageClassificationConfig {
  TrainConfig train{.epochs = 20, .lr = 5e-3, .schedule = "1cycle"};
  std::string model = "sim", dataset = "auto";
  std::filesystem::path data;
  std::string channels;
  PictureSettings pictures;
  std::int64_t batch = 128;
  bool retrain = false, augment = false;
  ModelSettings models{image_models()};

  template <class F>
  void fields(F& f) {
    f("model", model, image_models().summary().c_str(), one_of(image_models().names()));
    f("dataset", dataset, "which images; auto: mnist if `data` has its files or is empty, otherwise folder",
      one_of({"auto", "folder", "cifar10", "svhn", "mnist", "fashion-mnist"}));
    f("data", data,
      "folder of pictures, one subfolder per class, or of the data set's files (for cifar10 also the "
      "archive); "
      "empty: $STILLPOINT_DATA");
    pictures.fields(f);
    f("batch", batch, "images per step", counted());
    f("channels", channels,
      "channels of phi's convolutions, or of monDEQ's state, as in 16,32,60 for tiers; empty: the paper's");
    f("retrain", retrain, "train on training and validation images together");
    f("augment", augment, "flip and crop training images at random, differently in every epoch");
    models.fields(f);
    train.fields(f);
  }
};

TaskRow<ImageClassificationConfig> image_classification_task();

// Returns the properties of the data that a run's settings name, without the data.
DatasetInfo properties_of(const ImageClassificationConfig& config);
std::unique_ptr<Model> make_image_model(const ImageClassificationConfig& config, const DatasetInfo& info,
                                        TensorOptions options);

}  // namespace stillpoint
