// Formats rows of predictions.
#include "tasks/predict/prediction_writer.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <iterator>
#include <numeric>
#include <optional>

#include "engine/io/files.h"
#include "engine/words.h"
#include "tasks/data/pictures/picture_values.h"
#include "tasks/drawing/csv.h"
#include "tasks/io/npy.h"
#include "tasks/io/numbers.h"
#include "tasks/predict/input_files.h"
#include "tasks/process/processes.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};

// Returns the columns, largest first.
std::vector<std::size_t> likeliest(const double* values, std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  return order;
}

const char* word_of(const SampleReport& report) {
  if (std::isnan(report.residual)) return "not judged";
  switch (report.status) {
    case SampleStatus::converged:
      return "converged";
    case SampleStatus::non_finite:
      return "not finite";
    case SampleStatus::diverged:
      return "diverged";
    default:
      return "not converged";
  }
}

}  // namespace

PredictionWriter::PredictionWriter(const PredictRequest& request, PredictionColumns columns,
                                   std::ostream& out)
    : request_(request), columns_(std::move(columns)), out_(request.output.empty() ? out : kept_) {
  const std::string& format = request.format;
  require(format != "npy" || !request.output.empty(),
          "--format npy: given without --output, expected a file for the array, name one");
  require(columns_.solves || request.fixed_points.empty(),
          "--fixed-points: given with a model that does not solve for an equilibrium, expected deq or a "
          "monDEQ, leave it out");
  if (format == "json") out_ << "[";
  if (format != "csv") return;
  out_ << "file";
  if (columns_.row != nullptr) out_ << ',' << columns_.row;
  if (columns_.positions) out_ << ",position";
  if (columns_.classes) out_ << ",class";
  for (const std::string& name : columns_.names) out_ << ',' << drawing::csv_quoted(name);
  if (columns_.solves) out_ << ",status,evaluations,residual";
  out_ << '\n';
}

void PredictionWriter::write(const std::string& file, Index row, const std::vector<double>& values,
                             const SampleReport* report) {
  const Index width = Index(columns_.names.size()), positions = Index(values.size()) / width;
  if (request_.format == "npy") {
    require(inputs_ == 0 || positions == positions_, shown(file, longest_path), ": given ", positions,
            " positions, expected ", positions_, " as before, because a .npy array has one length; use ",
            "--format json");
    values_.insert(values_.end(), values.begin(), values.end());
  }
  positions_ = positions;
  ++inputs_;
  for (Index p = 0; p < positions; ++p) {
    const double* const line = &values[std::size_t(p * width)];
    if (request_.format == "csv") write_csv(name_of(file), row, p + 1, line, report);
    if (request_.format == "json") write_json(name_of(file), row, p + 1, line, report);
    if (request_.format == "text") write_text(name_of(file), row, p + 1, line, report);
  }
}

void PredictionWriter::write_csv(const std::string& file, Index row, Index position, const double* values,
                                 const SampleReport* report) {
  const std::size_t width = columns_.names.size();
  out_ << drawing::csv_quoted(path_to_text(file));
  if (columns_.row != nullptr) out_ << ',' << row;
  if (columns_.positions) out_ << ',' << position;
  if (columns_.classes) out_ << ',' << drawing::csv_quoted(columns_.names[likeliest(values, width)[0]]);
  for (std::size_t c = 0; c < width; ++c) out_ << ',' << written_numbers({values[c]});
  if (report != nullptr)
    out_ << ',' << word_of(*report) << ',' << report->steps << ','
         << (std::isfinite(report->residual) ? written_numbers({report->residual}) : "");
  out_ << '\n';
}

void PredictionWriter::write_json(const std::string& file, Index row, Index position, const double* values,
                                  const SampleReport* report) {
  Json line = {{"file", path_to_text(file)}};
  if (columns_.row != nullptr) line[columns_.row] = row;
  if (columns_.positions) line["position"] = position;
  const std::size_t width = columns_.names.size();
  if (columns_.classes) line["class"] = columns_.names[likeliest(values, width)[0]];
  for (std::size_t c = 0; c < width; ++c)
    line[columns_.classes ? "probabilities" : "values"][columns_.names[c]] = values[c];
  if (report != nullptr)
    line["solver"] = {
        {"status", word_of(*report)}, {"evaluations", report->steps}, {"residual", report->residual}};
  add(line);
}

void PredictionWriter::write_text(const std::string& file, Index row, Index position, const double* values,
                                  const SampleReport* report) {
  const std::size_t width = columns_.names.size();
  const std::vector<std::size_t> order = likeliest(values, width);
  if (position == 1) {
    out_ << shown(file, longest_path);
    if (columns_.row != nullptr) out_ << ", " << columns_.row << " " << row;
    out_ << ":";
  }
  if (columns_.positions) {
    out_ << " " << shown(columns_.names[order[0]]);
    if (position < positions_) return;
  } else {
    for (std::size_t i = 0; i < (columns_.classes ? std::min(columns_.shown, width) : width); ++i) {
      const std::size_t c = columns_.classes ? order[i] : i;
      out_ << (i == 0 ? " " : ", ") << shown(columns_.names[c]) << " ";
      out_ << (columns_.classes ? format_fixed(100 * values[c], 2) + " %" : format_digits(values[c], 6));
    }
  }
  if (report != nullptr) out_ << " (" << word_of(*report) << ", " << report->steps << " evaluations)";
  out_ << "\n";
}

void PredictionWriter::write_error(const std::string& file, const std::string& error) {
  if (request_.format == "json")
    add({{"file", path_to_text(name_of(file))}, {"error", shown(error, longest_path)}});
}

void PredictionWriter::add(const Json& row) {
  out_ << (rows_++ == 0 ? "\n  " : ",\n  ") << row.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void PredictionWriter::add_states(const Tensor& states) {
  if (!states.defined() || request_.fixed_points.empty()) return;
  Shape shape = states.shape();
  const Index samples = shape[0];
  shape[0] = state_.empty() ? 0 : state_[0];
  require(state_.empty() || shape == state_, "--fixed-points: given states of shape ",
          to_text(states.shape()), " after ", to_text(state_),
          ", expected inputs of one size, give them one by one");
  state_ = shape;
  state_[0] += samples;
  const std::vector<double> values = states.values();
  states_.insert(states_.end(), values.begin(), values.end());
}

void PredictionWriter::end() {
  if (request_.format == "json") out_ << "\n]\n";
  if (!request_.fixed_points.empty() && !state_.empty())
    write_npy(request_.fixed_points, Tensor::from(states_, state_, f64));
  if (request_.output.empty()) return;
  if (request_.format != "npy") return write_atomically(request_.output, kept_.str());
  const Index width = Index(columns_.names.size());
  const Shape shape = columns_.positions ? Shape{inputs_, positions_, width} : Shape{inputs_, width};
  if (inputs_ > 0) write_npy(request_.output, Tensor::from(values_, shape, f64));
}

int predict_files(const PredictRequest& request, PredictionWriter& writer, std::ostream& err,
                  const std::function<void(const std::string& file)>& predict,
                  const std::function<void()>& flush) {
  bool all_read = true;
  std::optional<TemporaryFolder> folder;
  for (std::string file : input_files(request.inputs)) {
    try {
      if (file == "-") {
        file = (folder.emplace().path() / "standard input").string();
        writer.set_standard_input(file);
        write_atomically(file, std::string(std::istreambuf_iterator<char>(std::cin), {}));
      }
      predict(file);
    } catch (const Error& error) {
      flush();  // so that the rows keep the order of the inputs
      err << program_name() << ": " << shown_message(error.what()) << "\n";
      writer.write_error(file, error.what());
      all_read = false;
    }
  }
  flush();
  writer.end();
  return all_read ? 0 : 1;
}

}  // namespace stillpoint
