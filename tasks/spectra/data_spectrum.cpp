// Fits the user's own trajectories and forecasts those that the fit has not seen; reads given matrices.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>

#include "engine/io/files.h"
#include "engine/ops.h"
#include "engine/words.h"
#include "kernels/host/host_memory.h"
#include "tasks/drawing/chart.h"
#include "tasks/spectra/dictionaries.h"
#include "tasks/spectra/own_data.h"
#include "tasks/spectra/spectrum_command.h"
#include "tasks/spectra/spectrum_files.h"

namespace stillpoint {
namespace {

constexpr Index held_out_share = 5;        // one of so many
constexpr Index resampled_stretches = 10;  // of a single trajectory

Tensor times(const Tensor& trajectory, Index first, Index last) {
  return slice(trajectory, {first, 0}, {last, trajectory.dim(1)});
}

double squares_of(const Tensor& t) { return sum(square(t)).item(); }

struct Split {
  std::vector<Tensor> fit, held_out;  // trajectories (times,d)
};

Split split(std::vector<Tensor> all, Index held_out) {
  const Index count = Index(all.size());
  if (count == 1) {
    const Index length = all[0].dim(0), kept = length - std::max<Index>(2, length / held_out_share);
    require(held_out == 0 && kept >= 2, "spectrum: given one trajectory of ", length, " times",
            held_out == 0 ? ", expected at least 4" : " and --held-out, expected more trajectories",
            ", of which the last fifth is held out");
    return {{times(all[0], 0, kept)}, {times(all[0], kept, length)}};
  }
  if (held_out == 0) held_out = std::max<Index>(1, count / held_out_share);
  require(held_out < count, "spectrum: given --held-out ", held_out, " of ", count,
          " trajectories, expected fewer, so that some are left for the fit");
  const auto first = all.end() - held_out;
  return {{all.begin(), first}, {first, all.end()}};
}

// Resampling draws trajectories; a single one is cut into stretches.
StepPairs pairs_of(const std::vector<Tensor>& trajectories) {
  StepPairs pairs;
  std::vector<Tensor> from, to;
  const Index count = Index(trajectories.size());
  for (Index k = 0; k < count; ++k) {
    const Tensor& z = trajectories[std::size_t(k)];
    const Index steps = z.dim(0) - 1;
    from.push_back(times(z, 0, steps));
    to.push_back(times(z, 1, steps + 1));
    const Index stretches = std::min(steps, resampled_stretches);
    for (Index t = 0; t < steps; ++t) pairs.trajectory.push_back(count > 1 ? k : t * stretches / steps);
  }
  pairs.from = concat(from);
  pairs.to = concat(to);
  return pairs;
}

StepPairs lifted_pairs(const StepPairs& pairs, const Dictionary& phi) {
  constexpr Index copies = 8;  // of features: both ends of every step as tensors, values, matrices, resamples
  const Index steps = pairs.from.dim(0), width = phi(times(pairs.from, 0, 1)).dim(1);
  kernels::require_host_memory({steps, width, copies, sizeof(double)},
                               text(steps, " steps of ", width, " features"),
                               "give fewer trajectories or a smaller dictionary");
  return {phi(pairs.from), phi(pairs.to), pairs.trajectory};
}

// sqrt of the mean of ||z - mean||^2
double spread_of(const Tensor& states) {
  const Index n = states.dim(0);
  const Tensor mean = affine(sum_to(states, {1, states.dim(1)}), 1 / double(n), 0);
  const double spread = std::sqrt(squares_of(states - mean) / double(n));
  require(spread > 0, "spectrum: given trajectories that never change, expected states that differ");
  return spread;
}

// Errors after t = 1, 2, ... steps from the starts of the held-out trajectories, relative to the root mean
// square of all held-out states.
struct Forecasts {
  std::vector<double> linear, lifted_anew, constant;  // B K^t phi(z_0); z <- B K phi(z); z_0
  std::string csv = {};                               // of the states beside the linear forecasts
};

struct FittedModel {
  Dictionary phi;
  Tensor k, readout;

  Tensor state(const Tensor& features) const { return matmul(features, readout, {.transpose_b = true}); }
  Tensor step(const Tensor& features) const { return matmul(features, k, {.transpose_b = true}); }
};

class Forecaster {
 public:
  Forecaster(const FittedModel& model, const std::vector<Tensor>& held_out) : model_(model) {
    Index longest = 0, states = 0;
    double squares = 0;
    for (const Tensor& z : held_out) {
      longest = std::max(longest, z.dim(0));
      states += z.dim(0);
      squares += squares_of(z);
    }
    scale_ = squares > 0 ? squares / double(states) : 1;
    sums_.assign(std::size_t(longest - 1), {});
    csv_ << "trajectory,step";
    for (const char* of : {"state", "forecast"})
      for (Index c = 1; c <= held_out[0].dim(1); ++c) csv_ << ',' << of << '_' << c;
    csv_ << '\n' << std::setprecision(std::numeric_limits<double>::max_digits10);
    for (std::size_t k = 0; k < held_out.size(); ++k) follow(held_out[k], k + 1);
  }
  Forecasts result() const {
    Forecasts f;
    for (const Sums& s : sums_)
      for (const auto& [errors, squares] :
           {std::pair{&f.linear, s.linear}, {&f.lifted_anew, s.lifted_anew}, {&f.constant, s.constant}})
        errors->push_back(std::sqrt(squares / double(s.count) / scale_));
    f.csv = csv_.str();
    return f;
  }

 private:
  struct Sums {
    double linear = 0, lifted_anew = 0, constant = 0;
    Index count = 0;
  };
  void follow(const Tensor& z, std::size_t number) {
    const Tensor start = times(z, 0, 1);
    Tensor features = model_.phi(start), anew = start;
    for (Index t = 1; t < z.dim(0); ++t) {
      const Tensor truth = times(z, t, t + 1);
      features = model_.step(features);
      anew = model_.state(model_.step(model_.phi(anew)));
      const Tensor forecast = model_.state(features);
      Sums& s = sums_[std::size_t(t - 1)];
      s.linear += squares_of(forecast - truth);
      s.lifted_anew += squares_of(anew - truth);
      s.constant += squares_of(start - truth);
      ++s.count;
      csv_ << number << ',' << t;
      for (const Tensor& state : {truth, forecast})
        for (const double value : state.values()) csv_ << ',' << value;
      csv_ << '\n';
    }
  }

  const FittedModel& model_;
  double scale_ = 1;
  std::vector<Sums> sums_;
  std::ostringstream csv_;
};

Json json_of(const Forecasts& f) {
  Json all;
  for (const auto& [name, errors] : {std::pair{"forecast_errors", &f.linear},
                                     {"forecast_errors_lifted_anew", &f.lifted_anew},
                                     {"forecast_errors_of_the_start", &f.constant}})
    for (const double e : *errors) all[name].push_back(number_or_null(e));
  return all;
}

drawing::Chart chart_of(const Forecasts& f) {
  drawing::Chart chart{.title = "Error of forecasts on held-out trajectories",
                       .x = {.name = "steps"},
                       .y = {.name = "relative error", .scale = drawing::Scale::by_values}};
  for (const auto& [label, errors] : {std::pair{"powers of K", &f.linear},
                                      {"lifted anew at each step", &f.lifted_anew},
                                      {"the start stays", &f.constant}}) {
    drawing::Series series{.label = label, .style = chart.series.size(), .x = {}, .y = *errors};
    for (std::size_t t = 1; t <= errors->size(); ++t) series.x.push_back(double(t));
    chart.series.push_back(std::move(series));
  }
  return chart;
}

void print(const Forecasts& f, std::size_t held_out, std::ostream& out) {
  out << "forecasts of " << held_out
      << " held-out trajectories, relative error (lifted anew; the start stays):\n";
  const std::size_t last = f.linear.size();
  for (std::size_t t = 1; t <= last; t = t < last && 4 * t > last ? last : 4 * t)
    out << "  " << t << (t == 1 ? " step: " : " steps: ") << f.linear[t - 1] << " (" << f.lifted_anew[t - 1]
        << "; " << f.constant[t - 1] << ")\n";
}

}  // namespace

void run_data_spectrum(SpectrumRequest r, std::ostream& out) {
  if (r.dictionary == "auto") r.dictionary = "identity";
  const Recording off(false);
  const Split data = split(read_trajectories(r.data), r.held_out);
  const StepPairs pairs = pairs_of(data.fit);
  const Dictionary phi = dictionary_of(r, pairs.from, spread_of(pairs.from));
  const StepPairs lifted = lifted_pairs(pairs, phi);
  const KoopmanOptions options{.truncation = r.truncation, .rank = r.rank};
  const KoopmanEstimate k = estimate_koopman(lifted.from, lifted.to, options);
  const ToleranceOf tolerance_of = tolerance_by_fit(r.tolerance);
  const double tolerance = tolerance_of(k);
  const SpectrumFindings found = findings_of(k, lifted, options, tolerance_of, r.resamples);
  const Index constants = constant_features(lifted.from);
  const FittedModel model{phi, k.matrix, estimate_readout(lifted.from, pairs.from, options)};
  const Forecasts forecasts = Forecaster(model, data.held_out).result();
  const std::string name = shown(join(r.data)), settling = name_of(found.spectrum.settling);
  out << name << ": case " << settling << "\n"
      << data.fit.size() << " trajectories of " << pairs.from.dim(1) << " coordinates with "
      << pairs.from.dim(0) << " steps; " << described(k, found, constants > 0, tolerance);
  print(forecasts, data.held_out.size(), out);
  if (r.output.empty()) return;
  Json result = json_of(forecasts);
  for (const std::string& file : r.data) result["data"].push_back(path_to_text(file));
  result.update({{"dictionary", r.dictionary},
                 {"trajectories", data.fit.size()},
                 {"held_out_trajectories", data.held_out.size()},
                 {"steps", pairs.from.dim(0)},
                 {"features", lifted.from.dim(1)},
                 {"fit_rank", k.rank},
                 {"fit_error", k.error},
                 {"tolerance", tolerance},
                 {"constants", constants}});
  write_spectrum(r.output, name + ", case " + settling, found, k.matrix, model.readout, tolerance,
                 std::move(result), out);
  write_figure(r.output, "forecast", chart_of(forecasts));
  write_atomically(r.output / "forecasts.csv", forecasts.csv);
}

void run_matrix_spectrum(const SpectrumRequest& r, std::ostream& out) {
  const Tensor k = read_square_matrix(r.matrix);
  const double tolerance = r.tolerance > 0 ? r.tolerance : SpectrumOptions().tolerance;
  const SpectrumFindings found{.spectrum = koopman_spectrum(k, {.tolerance = tolerance}),
                               .vectors = OrderedSchur(k).eigenvectors(),
                               .residuals = {}};
  const KoopmanSpectrum& s = found.spectrum;
  const std::string title = shown(r.matrix) + ", case " + name_of(s.settling);
  out << shown(r.matrix) << ": case " << name_of(s.settling) << "\n"
      << k.dim(0) << " rows, radius " << s.radius << ", " << s.on_circle << " eigenvalues on the circle, "
      << s.at_one << " at 1 (tolerance " << tolerance << ")\n"
      << described(found) << "\n";
  if (r.output.empty()) return;
  write_spectrum(r.output, title, found, k, {}, tolerance,
                 {{"matrix", path_to_text(r.matrix)}, {"tolerance", tolerance}}, out);
}

}  // namespace stillpoint
