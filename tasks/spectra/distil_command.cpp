// Trains students of a DEQ in all sizes, and tabulates and draws how near they come to it.
#include "tasks/spectra/distil_command.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "engine/io/files.h"
#include "engine/ops.h"
#include "tasks/drawing/chart.h"
#include "tasks/process/clock.h"
#include "tasks/spectra/deq_experiment.h"
#include "tasks/training/run_folder.h"

namespace stillpoint {
namespace {

constexpr Index edmd_inputs = 200, edmd_steps = 30, timed_inputs = 20;

struct Point {
  std::string method;
  Index features = 0, parameters = 0;
  double error = NAN, logits_error = NAN, loss = NAN;
  double milliseconds = NAN;  // of one sequence
  double seconds = NAN;       // of training
};

class Distillation {
 public:
  Distillation(const DistilRequest& request, std::ostream& out);
  void run();

 private:
  Point judged(Point point, const Tensor& z) const;
  template <class Solve>
  double milliseconds_of(const Solve& solve) const;
  void add(const Point& point);
  void add_students();
  void add_edmd();
  drawing::Chart chart(const char* title, const char* name, double Point::*value) const;
  void write() const;

  const DistilRequest& request_;
  std::ostream& out_;
  std::filesystem::path checkpoint_;
  TrainedDeq trained_;
  Tensor z_;  // z* of held-out inputs
  Point teacher_, mean_;
  Lesson lesson_;
  std::vector<Point> points_;
};

Distillation::Distillation(const DistilRequest& request, std::ostream& out)
    : request_(request), out_(out), checkpoint_(checkpoint_of(request.run)) {
  trained_ = spectrum_source("distil", checkpoint_).deq(checkpoint_, request.inputs, request.held_out);
  const Recording off(false);
  out << "solving for " << request.inputs << " + " << request.held_out << " inputs" << std::endl;
  lesson_ = {trained_.fit, equilibria(trained_.model, trained_.fit)};
  z_ = equilibria(trained_.model, trained_.held_out);
  teacher_ = judged({.method = "DEQ"}, z_);
  teacher_.milliseconds = milliseconds_of([&](const Tensor& ids) { return equilibria(trained_.model, ids); });
  const Tensor mean = affine(sum_to(lesson_.z, {1, z_.dim(1)}), 1 / double(request.inputs), 0);
  mean_ = judged({.method = "mean of z*"}, expand(mean, z_.shape()));
}

// Fills in the errors of z, a prediction of z*.
Point Distillation::judged(Point point, const Tensor& z) const {
  const Recording off(false);
  const DType dtype = trained_.model.embedding.dtype();
  const Tensor wide = z.to(DType::float64), logits = trained_.model.logits(wide.to(dtype)),
               wanted = trained_.model.logits(z_.to(dtype));
  point.error = relative_distance(wide, z_);
  point.logits_error = relative_distance(logits.to(DType::float64), wanted.to(DType::float64));
  point.loss = softmax_cross_entropy(logits, trained_.held_out_labels).item();
  return point;
}

// Returns the mean time of one sequence at a time, in milliseconds.
template <class Solve>
double Distillation::milliseconds_of(const Solve& solve) const {
  const Index count = std::min(timed_inputs, request_.held_out), length = trained_.held_out.dim(1);
  const auto one = [&](Index n) { solve(slice(trained_.held_out, {n, 0}, {n + 1, length})); };
  one(0);
  const Clock::time_point start = Clock::now();
  for (Index n = 0; n < count; ++n) one(n);
  return 1e3 * seconds_since(start) / double(count);
}

void Distillation::add(const Point& p) {
  points_.push_back(p);
  out_ << std::left << std::setw(24) << p.method << std::right << std::setprecision(4) << std::setw(9)
       << p.features << std::setw(12) << p.parameters << std::setw(12) << p.error << std::setw(13)
       << p.logits_error << std::setw(12) << p.loss << std::setw(10) << p.milliseconds << std::endl;
}

void Distillation::add_students() {
  const std::string task = find_checkpoint(checkpoint_).record.task;
  for (const std::string& model : request_.students)
    for (const Index size : request_.sizes) {
      StudentOptions options = request_.options;
      options.model = model;
      options.features = size;
      const Clock::time_point start = Clock::now();
      const Student student(*task_kind(task).models(), trained_.model, lesson_, options);
      Point point =
          judged({.method = "SIM (" + model + ")", .features = size, .parameters = student.parameters()},
                 student.equilibria(trained_.held_out));
      point.seconds = seconds_since(start);
      point.milliseconds = milliseconds_of([&](const Tensor& ids) { return student.equilibria(ids); });
      add(point);
    }
}

// The features of eq. 7 are one constant and the principal coordinates of z and of x.
void Distillation::add_edmd() {
  SpectrumRequest r;
  r.system = checkpoint_.string();
  r.dictionary = "identity";
  r.trajectories = std::min(edmd_inputs, request_.inputs);
  r.steps = edmd_steps;
  r.held_out = request_.held_out;
  r.resamples = 0;
  r.sizes = request_.sizes;
  const DeqExperiment experiment(r, out_);
  for (const Index size : r.sizes) {
    const DeqExperiment::Row row = experiment.row(size);
    Point eq7{.method = "eq. 7 by EDMD", .features = row.features};
    if (row.predicted.defined()) eq7 = judged(eq7, row.predicted);
    add(eq7);
    add(judged({.method = "least squares to z*", .features = row.features}, row.regressed));
    if (row.state == experiment.directions()) break;
  }
}

// A series for each method, and lines for the DEQ and the mean of z* where they have a place.
drawing::Chart Distillation::chart(const char* title, const char* name, double Point::*value) const {
  drawing::Chart chart{.title = title,
                       .x = {.name = "features", .scale = drawing::Scale::logarithmic},
                       .y = {.name = name, .scale = drawing::Scale::logarithmic}};
  for (const Point& p : points_) {
    auto series = std::find_if(chart.series.begin(), chart.series.end(),
                               [&](const drawing::Series& s) { return s.label == p.method; });
    if (series == chart.series.end())
      series = chart.series.insert(series, {.label = p.method, .style = chart.series.size(), .x = {}});
    series->x.push_back(double(p.features));
    series->y.push_back(p.*value);
  }
  std::vector<double> all;
  for (const drawing::Series& s : chart.series) all.insert(all.end(), s.x.begin(), s.x.end());
  const auto [least, most] = std::minmax_element(all.begin(), all.end());
  for (const Point* p : {&mean_, &teacher_})
    if (p->*value > 0)
      chart.series.push_back({.label = p->method,
                              .style = chart.series.size(),
                              .look = drawing::Look::limit,
                              .x = {*least, *most},
                              .y = {p->*value, p->*value}});
  return chart;
}

void Distillation::write() const {
  make_folder(request_.output);
  Json rows = Json::array();
  std::ostringstream csv;
  csv << "method,features,parameters,error,logits_error,loss,milliseconds,training_seconds\n"
      << std::setprecision(8);
  std::vector<Point> all{teacher_, mean_};
  all.insert(all.end(), points_.begin(), points_.end());
  for (const Point& p : all) {
    rows.push_back({{"method", p.method},
                    {"features", p.features},
                    {"parameters", p.parameters},
                    {"error", number_or_null(p.error)},
                    {"logits_error", number_or_null(p.logits_error)},
                    {"loss", number_or_null(p.loss)},
                    {"milliseconds", number_or_null(p.milliseconds)},
                    {"training_seconds", number_or_null(p.seconds)}});
    csv << p.method << ',' << p.features << ',' << p.parameters << ',' << p.error << ',' << p.logits_error
        << ',' << p.loss << ',' << p.milliseconds << ',' << p.seconds << '\n';
  }
  const StudentOptions& o = request_.options;
  const Json result{{"run", path_to_text(request_.run)},
                    {"inputs", request_.inputs},
                    {"held_out", request_.held_out},
                    {"steps", o.steps},
                    {"batch", o.batch},
                    {"lr", o.lr},
                    {"logits_weight", o.logits},
                    {"seed", o.seed},
                    {"settings", o.settings},
                    {"rows", rows}};
  write_atomically(request_.output / "distil.json", result.dump(2) + "\n");
  write_atomically(request_.output / "distil.csv", csv.str());
  write_figure(request_.output, "error",
               chart("Held-out error of the predicted equilibrium", "relative error of z*", &Point::error));
  write_figure(request_.output, "loss",
               chart("Task loss with the predicted equilibrium", "cross-entropy", &Point::loss));
  out_ << "written to " << shown(request_.output.string()) << "\n";
}

void Distillation::run() {
  out_ << "relative errors on held-out inputs; the DEQ's loss is " << teacher_.loss << ", and it takes "
       << teacher_.milliseconds << " ms for a sequence; the mean of z* has an error of " << mean_.error
       << "\nmethod                   features  parameters  error of z*  of logits        loss  ms a "
          "sequence\n";
  add_students();
  if (request_.edmd) add_edmd();
  if (!request_.output.empty()) write();
}

}  // namespace

void run_distil(const DistilRequest& request, std::ostream& out) { Distillation(request, out).run(); }

}  // namespace stillpoint
