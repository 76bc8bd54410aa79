// Reads coordinates, and writes the colours that the model gives them.
#include "tasks/paper/colour_prediction.h"

#include <algorithm>

#include "engine/io/checkpoint.h"
#include "tasks/paper/image_regression.h"
#include "tasks/predict/input_files.h"
#include "tasks/predict/prediction_writer.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

constexpr Index colours = 3;

void predict_colours_in(Model& model, const std::string& file, TensorOptions options, Index batch,
                        PredictionWriter& writer) {
  const Tensor points = number_rows(file);
  require(points.dim(1) == 2, shown(file, longest_path), ": given ", points.dim(1),
          " columns, expected two, column / width and row / height, correct it");
  for (Index first = 0; first < points.dim(0); first += batch) {
    const Index last = std::min(first + batch, points.dim(0));
    const Tensor x = slice(points, {first, 0}, {last, 2}).to(options.dtype).to(options.device);
    const std::vector<double> all = solved(model, x).y.values();
    for (Index i = 0; first + i < last; ++i)
      writer.write(file, first + i + 1, {all.begin() + i * colours, all.begin() + (i + 1) * colours},
                   nullptr);
  }
}

}  // namespace

int predict_colours(const PredictRequest& request, std::ostream& out, std::ostream& err) {
  request.require_no_pictures();
  ImageRegressionConfig config;
  read_config(config, find_checkpoint(request.checkpoint).record.config, request.checkpoint.string());
  use_precision(config.train);
  const TensorOptions options{dtype_of(config.train), request.device};
  Initializer init(0, options);
  const std::unique_ptr<Model> model = config.models.make(config.model, init, {.outputs = colours});
  load_checkpoint(request.checkpoint, model->params(), nullptr);
  PredictionWriter writer(request, {.names = {"red", "green", "blue"}, .classes = false, .row = "point"},
                          out);
  const Index batch = Index(request.batch_for(false));
  return predict_files(request, writer, err, [&](const std::string& file) {
    predict_colours_in(*model, file, options, batch, writer);
  });
}

}  // namespace stillpoint
