// Applies a trained image classification model to picture files.
#pragma once
#include <memory>

#include "tasks/paper/image_classification.h"

namespace stillpoint {

// The model of a checkpoint, which needs no data set.
class ImageClassifier {
 public:
  // Throws Error if the checkpoint belongs to another task.
  ImageClassifier(const std::filesystem::path& checkpoint, Device device);

  // Returns the probabilities of the classes by label. The image may have any size: it becomes one of the
  // data set as scaled_to does it.
  std::vector<double> probabilities(const Image& image, bool inverted) const;
  // Returns the model's input from pictures of the data set's size.
  Tensor input(const ImageSet& set) const;
  Model& model() { return *model_; }
  const DatasetInfo& info() const { return info_; }
  const ImageClassificationConfig& config() const { return config_; }

 private:
  ImageClassificationConfig config_;
  DatasetInfo info_;
  TensorOptions options_;
  std::unique_ptr<Model> model_;
};

// Writes the probabilities of the classes for each picture.
int predict_pictures(const PredictRequest& request, std::ostream& out, std::ostream& err);

}  // namespace stillpoint
