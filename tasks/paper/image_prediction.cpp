// Reads pictures one after the other, and writes what the model makes of them.
#include "tasks/paper/image_prediction.h"

#include <numeric>

#include "engine/io/checkpoint.h"
#include "tasks/data/scale_image.h"
#include "tasks/predict/input_files.h"
#include "tasks/predict/prediction_writer.h"
#include "tasks/process/processes.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

ImageClassificationConfig config_of(const fs::path& checkpoint) {
  const RunRecord record = find_checkpoint(checkpoint).record;
  require(record.task == "image-classification", "predict: given ", checkpoint.string(), ", a checkpoint of ",
          record.task, ", expected one of image-classification, choose another");
  ImageClassificationConfig config;
  read_config(config, record.config, checkpoint.string());
  use_precision(config.train);
  return config;
}

// Pictures that wait for their batch.
struct Pending {
  std::vector<std::string> files;
  ImageSet set;

  void add(const std::string& file, const ImageSet& one) {
    files.push_back(file);
    if (files.size() == 1) {
      set = one;
      return;
    }
    set.pixels.insert(set.pixels.end(), one.pixels.begin(), one.pixels.end());
    set.labels.insert(set.labels.end(), one.labels.begin(), one.labels.end());
    ++set.count;
  }
};

}  // namespace

ImageClassifier::ImageClassifier(const fs::path& checkpoint, Device device)
    : config_(config_of(checkpoint)),
      info_(properties_of(config_)),
      options_{dtype_of(config_.train), device},
      model_(make_image_model(config_, info_, options_)) {
  load_checkpoint(checkpoint, model_->params(), nullptr);
}

Tensor ImageClassifier::input(const ImageSet& set) const {
  std::vector<Index> rows(std::size_t(set.count));
  std::iota(rows.begin(), rows.end(), Index(0));
  const ImageBatches all(set, rows, info_, {.batch_size = set.count, .shuffled = false, .prefetched = false});
  return all.batch(0)[0].to(options_.dtype).to(options_.device);
}

std::vector<double> ImageClassifier::probabilities(const Image& image, bool inverted) const {
  const Recording off(false);
  return softmax((*model_)(input(scaled_to(image, info_, inverted)))).values();
}

int predict_pictures(const PredictRequest& request, std::ostream& out, std::ostream& err) {
  ImageClassifier classifier(request.checkpoint, request.device);
  const Colour background =
      colour_named(request.background.empty() ? classifier.config().pictures.background : request.background);
  const bool solves = classifier.model().facts().solves;
  const std::size_t classes = classifier.info().classes.size(), batch = request.batch_for(solves);
  PredictionWriter writer(request, {.names = classifier.info().classes, .solves = solves, .shown = 3}, out);
  Pending pending;
  const auto flush = [&] {
    if (pending.files.empty()) return;
    const Solved found = solved(classifier.model(), classifier.input(pending.set));
    const std::vector<double> all = softmax(found.y).values();
    for (std::size_t i = 0; i < pending.files.size(); ++i)
      writer.write(pending.files[i], 1, {&all[i * classes], &all[i * classes] + classes}, found.report(i));
    writer.add_states(found.state);
    pending.files.clear();
  };
  return predict_files(
      request, writer, err,
      [&](const std::string& file) {
        const Image image = read_image(file, background);
        if (!image.note.empty())
          err << program_name() << ": " << shown(file, longest_path) << " is " << image.note << "\n";
        pending.add(file, scaled_to(image, classifier.info(), request.inverted));
        if (pending.files.size() == batch) flush();
      },
      flush);
}

}  // namespace stillpoint
