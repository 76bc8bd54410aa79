// Turns trajectories into a spectrum and its files, and predicts states that the fit has not used.
#include "tasks/spectra/spectrum_command.h"

#include <cmath>
#include <iomanip>
#include <optional>
#include <sstream>

#include "engine/ops.h"
#include "kernels/host/host_memory.h"
#include "solvers/koopman/systems.h"
#include "tasks/io/npy.h"
#include "tasks/spectra/dictionaries.h"
#include "tasks/spectra/spectrum_files.h"

namespace stillpoint {
namespace {

// What is left of new starts after 3 * steps steps.
struct Forecast {
  Tensor predicted, true_states;
  double error = 0;  // ||predicted - true||
  double norm = 0;   // of the true states, or of their starts if `from_starts`
  bool from_starts = false;
};

// Predicts new starts by the part of K^n on the circle. States that have vanished have no relative error, so
// that of their starts is the measure.
Forecast forecast(const SpectrumRequest& r, const System& system, const Dictionary& phi,
                  const KoopmanEstimate& k, const Tensor& readout, double tolerance) {
  constexpr double vanished = 1e-2;
  const std::vector<Tensor> states = trajectories(system, 100, 3 * r.steps, r.seed + 1);
  const Tensor limit = matmul(readout, settled_power(k.matrix, 3 * r.steps, {.tolerance = tolerance}));
  Forecast f{matmul(phi(states.front()), limit, {.transpose_b = true}), states.back()};
  const auto norm = [](const Tensor& t) { return std::sqrt(sum(square(t)).item()); };
  f.error = norm(f.predicted - f.true_states);
  f.norm = norm(f.true_states);
  f.from_starts = f.norm < vanished * norm(states.front());
  if (f.from_starts) f.norm = norm(states.front());
  return f;
}

void print(const Forecast& f, Index steps, Json& result, std::ostream& out) {
  result["held_out_error"] = f.error / f.norm;
  result["held_out_error_of"] = f.from_starts ? "starts" : "states";
  out << "new starts after " << steps << " steps, predicted only from the circle: "
      << (f.from_starts ? "error relative to the starts, since the states vanish, " : "relative error ")
      << f.error / f.norm << "\n";
}

}  // namespace

std::string describe_systems() {
  std::ostringstream text;
  for (const System& system : textbook_systems())
    text << "  " << std::left << std::setw(12) << system.name << system.summary << ", case "
         << name_of(system.settling) << "\n";
  return text.str();
}

void run_spectrum(SpectrumRequest r, std::ostream& out) {
  const System& system = textbook_system(r.system);
  if (r.dictionary == "auto") r.dictionary = system.linear ? "identity" : "fourier";
  constexpr Index copies = 4, coordinates = 2;  // states; both ends of every step as values and tensors
  kernels::require_host_memory({r.trajectories, r.steps, copies * coordinates, sizeof(double)},
                               text(r.trajectories, " trajectories of ", r.steps, " steps"),
                               "lower --trajectories or --steps");
  const std::vector<Tensor> states = trajectories(system, r.trajectories, r.steps, r.seed);
  const StepPairs pairs = step_pairs(states);
  const Dictionary phi = dictionary_of(r, pairs.from, 1);
  const StepPairs lifted{phi(pairs.from), phi(pairs.to), pairs.trajectory};
  const Tensor& features = lifted.from;
  const KoopmanOptions options{.truncation = r.truncation, .rank = r.rank};
  const KoopmanEstimate k = estimate_koopman(features, lifted.to, options);
  const auto tolerance_of = tolerance_by_fit(r.tolerance);
  const double tolerance = tolerance_of(k);
  const SpectrumFindings found = findings_of(k, lifted, options, tolerance_of, r.resamples);
  const Settling settling = found.spectrum.settling;
  Json result{{"system", r.system},
              {"dictionary", r.dictionary},
              {"features", features.dim(1)},
              {"fit_rank", k.rank},
              {"fit_error", k.error},
              {"tolerance", tolerance},
              {"constants", constant_features(features)},
              {"known_case", name_of(system.settling)}};
  out << r.system << ": case " << name_of(settling) << " (known: " << name_of(system.settling) << ")\n"
      << described(k, found, constant_features(features) > 0, tolerance);
  const Tensor readout = estimate_readout(features, pairs.from, options);
  std::optional<Forecast> f;
  if (settling != Settling::diverges && settling != Settling::undecided) {
    f = forecast(r, system, phi, k, readout, tolerance);
    print(*f, 3 * r.steps, result, out);
  }
  if (r.output.empty()) return;
  write_spectrum(r.output, r.system + ", case " + name_of(settling), found, k.matrix, readout, tolerance,
                 std::move(result), out);
  if (f) write_npy(r.output / "predictions.npy", f->predicted);
  if (f) write_npy(r.output / "true_states.npy", f->true_states);
}

}  // namespace stillpoint
