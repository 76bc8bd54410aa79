// Reads pictures one after the other, and writes what the model makes of them.
#include "tasks/paper/image_prediction.h"

#include <glob.h>

#include <algorithm>
#include <numeric>

#include "engine/io/checkpoint.h"
#include "tasks/data/pictures/picture_files.h"
#include "tasks/data/pictures/picture_values.h"
#include "tasks/data/scale_image.h"
#include "tasks/drawing/csv.h"
#include "tasks/io/numbers.h"
#include "tasks/process/processes.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

// PATH_MAX, so that file names stay whole in output that programs read.
constexpr std::size_t longest_path = 4096;

ImageClassificationConfig config_of(const fs::path& checkpoint) {
  const RunRecord record = find_checkpoint(checkpoint).record;
  require(record.task == "image-classification", "predict: given ", checkpoint.string(), ", a checkpoint of ",
          record.task, ", expected one of image-classification, choose another");
  ImageClassificationConfig config;
  read_config(config, record.config, checkpoint.string());
  use_precision(config.train);
  return config;
}

// Returns the paths that a pattern matches, sorted; the text itself if it is a path or matches nothing.
std::vector<std::string> matches_of(const std::string& input) {
  std::error_code ignored;
  if (fs::exists(input, ignored) || input.find_first_of("*?[") == input.npos) return {input};
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(input.c_str(), 0, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return paths.empty() ? std::vector<std::string>{input} : paths;
}

// Returns the files that the inputs stand for.
std::vector<std::string> files_of(const std::vector<std::string>& inputs) {
  std::vector<std::string> files;
  for (const std::string& input : inputs)
    for (const std::string& path : matches_of(input)) {
      std::error_code ignored;
      if (!fs::is_directory(path, ignored)) {
        files.push_back(path);
        continue;
      }
      const std::vector<std::string> below = files_below(path);
      require(!below.empty(), "predict: given the folder ", path,
              " without files, expected pictures, name another");
      for (const std::string& name : below) files.push_back((fs::path(path) / name).string());
    }
  return files;
}

// Returns the labels, likeliest first.
std::vector<std::size_t> likeliest(const std::vector<double>& probabilities) {
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return probabilities[a] > probabilities[b]; });
  return order;
}

// Writes rows in one of the formats.
class PredictionWriter {
 public:
  PredictionWriter(std::string format, const DatasetInfo& info, std::ostream& out)
      : format_(std::move(format)), info_(info), out_(out) {
    if (format_ == "json") out_ << "[";
    if (format_ != "csv") return;
    out_ << "file,class";
    for (const std::string& name : info_.classes) out_ << ',' << drawing::csv_quoted(name);
    out_ << '\n';
  }
  void write(const std::string& file, const std::vector<double>& probabilities) {
    const std::vector<std::size_t> order = likeliest(probabilities);
    if (format_ == "csv") {
      out_ << drawing::csv_quoted(path_to_text(file)) << ',' << drawing::csv_quoted(info_.classes[order[0]]);
      for (const double p : probabilities) out_ << ',' << written_numbers({p});
      out_ << '\n';
    } else if (format_ == "json") {
      Json row = {{"file", path_to_text(file)}, {"class", info_.classes[order[0]]}};
      for (std::size_t c = 0; c < order.size(); ++c)
        row["probabilities"][info_.classes[c]] = probabilities[c];
      add(row);
    } else {
      out_ << shown(file, longest_path) << ":";
      for (std::size_t i = 0; i < std::min<std::size_t>(3, order.size()); ++i)
        out_ << (i == 0 ? " " : ", ") << shown(info_.classes[order[i]]) << " "
             << format_fixed(100 * probabilities[order[i]], 2) << " %";
      out_ << "\n";
    }
  }
  void write_error(const std::string& file, const std::string& error) {
    if (format_ == "json") add({{"file", path_to_text(file)}, {"error", shown(error, longest_path)}});
  }
  void end() {
    if (format_ == "json") out_ << "\n]\n";
  }

 private:
  void add(const Json& row) {
    out_ << (rows_++ == 0 ? "\n  " : ",\n  ") << row.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  std::string format_;
  const DatasetInfo& info_;
  std::ostream& out_;
  std::int64_t rows_ = 0;
};

}  // namespace

ImageClassifier::ImageClassifier(const fs::path& checkpoint, Device device)
    : config_(config_of(checkpoint)),
      info_(properties_of(config_)),
      options_{dtype_of(config_.train), device},
      model_(make_image_model(config_, info_, options_)) {
  load_checkpoint(checkpoint, model_->params(), nullptr);
}

std::vector<double> ImageClassifier::probabilities(const Image& image, bool inverted) const {
  const ImageSet set = scaled_to(image, info_, inverted);
  const ImageBatches one(set, {0}, info_, {.batch_size = 1, .shuffled = false, .prefetched = false});
  const Recording off(false);
  return softmax((*model_)(one.batch(0)[0].to(options_.dtype).to(options_.device))).values();
}

int predict_pictures(const PredictRequest& request, std::ostream& out, std::ostream& err) {
  const ImageClassifier classifier(request.checkpoint, request.device);
  const Colour background =
      colour_named(request.background.empty() ? classifier.config().pictures.background : request.background);
  PredictionWriter writer(request.format, classifier.info(), out);
  bool all_read = true;
  for (const std::string& file : files_of(request.inputs)) {
    Image image;
    try {
      image = read_image(file, background);
    } catch (const Error& error) {
      err << program_name() << ": " << shown_message(error.what()) << "\n";
      writer.write_error(file, error.what());
      all_read = false;
      continue;
    }
    if (!image.note.empty())
      err << program_name() << ": " << shown(file, longest_path) << " is " << image.note << "\n";
    writer.write(file, classifier.probabilities(image, request.inverted));
  }
  writer.end();
  return all_read ? 0 : 1;
}

}  // namespace stillpoint
