// Reads sequences of symbols, and writes what the model recalls.
#include "tasks/paper/copy_prediction.h"

#include <algorithm>

#include "engine/io/checkpoint.h"
#include "tasks/paper/copy_memory.h"
#include "tasks/predict/input_files.h"
#include "tasks/predict/prediction_writer.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

void require_symbols(const std::string& file, const Tensor& rows) {
  for (const double value : rows.values())
    require(value >= 0 && value < CopyMemoryData::symbols && value == double(Index(value)),
            shown(file, longest_path), ": given the symbol ", value,
            ", expected whole numbers from 0 to 9, correct it");
}

void predict_copies_in(Model& model, const std::string& file, TensorOptions options, Index batch,
                       PredictionWriter& writer) {
  const Tensor rows = number_rows(file);
  require_symbols(file, rows);
  const Index length = rows.dim(1), line = length * CopyMemoryData::symbols;
  for (Index first = 0; first < rows.dim(0); first += batch) {
    const Index last = std::min(first + batch, rows.dim(0)), n = last - first;
    const Tensor part = slice(rows, {first, 0}, {last, length});
    const std::vector<double> ids = part.values();
    const Tensor x = model.facts().tokens
                         ? Tensor::from(std::vector<std::int32_t>(ids.begin(), ids.end()), {n, length})
                         : reshape(part, {n, 1, length}).to(options.dtype);
    const Solved found = solved(model, x.to(options.device));
    const std::vector<double> all = softmax(found.y).values();
    for (Index i = 0; i < n; ++i)
      writer.write(file, first + i + 1, {all.begin() + i * line, all.begin() + (i + 1) * line},
                   found.report(std::size_t(i)));
    writer.add_states(found.state);
  }
}

}  // namespace

int predict_copies(const PredictRequest& request, std::ostream& out, std::ostream& err) {
  request.require_no_pictures();
  CopyMemoryConfig config;
  read_config(config, find_checkpoint(request.checkpoint).record.config, request.checkpoint.string());
  use_precision(config.train);
  const TensorOptions options{dtype_of(config.train), request.device};
  Initializer init(0, options);
  const std::unique_ptr<Model> model =
      config.models.make(config.model, init, {.outputs = CopyMemoryData::symbols});
  load_checkpoint(request.checkpoint, model->params(), nullptr);
  PredictionColumns columns{.row = "sequence", .positions = true, .solves = model->facts().solves};
  for (Index s = 0; s < CopyMemoryData::symbols; ++s) columns.names.push_back(std::to_string(s));
  PredictionWriter writer(request, columns, out);
  const Index batch = Index(request.batch_for(columns.solves));
  return predict_files(request, writer, err, [&](const std::string& file) {
    predict_copies_in(*model, file, options, batch, writer);
  });
}

}  // namespace stillpoint
