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
#include "tasks/spectra/spectrum_files.h"

namespace stillpoint {
namespace {

Dictionary dictionary_of(SpectrumRequest& r, const System& system) {
  if (r.dictionary == "auto") r.dictionary = system.linear ? "identity" : "fourier";
  if (r.dictionary == "identity") return identity_dictionary();
  if (r.dictionary == "monomials") return monomial_dictionary(r.degree);
  if (r.dictionary == "fourier") return fourier_dictionary(r.features, r.bandwidth, r.seed, 2);
  fail("spectrum: given the dictionary '", r.dictionary, "', expected auto, identity, monomials or fourier");
}

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

void print(const std::string& name, const System& system, const KoopmanEstimate& k,
           const SpectrumFindings& found, bool constant, double tolerance, std::ostream& out) {
  const KoopmanSpectrum& s = found.spectrum;
  out << name << ": case " << name_of(s.settling) << " (known: " << name_of(system.settling) << ")\n"
      << k.matrix.dim(0) << " features of rank " << k.rank << ", fit error " << k.error << ", radius "
      << s.radius << ", " << s.on_circle << " eigenvalues on the circle, " << s.at_one << " at 1"
      << (constant && s.at_one > 0 ? ", among them that of the constant feature" : "") << " (tolerance "
      << tolerance << ")\n"
      << described(found) << "\n";
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
  const Dictionary phi = dictionary_of(r, system);
  constexpr Index copies = 4, coordinates = 2;  // states; both ends of every step as values and tensors
  kernels::require_host_memory({r.trajectories, r.steps, copies * coordinates, sizeof(double)},
                               text(r.trajectories, " trajectories of ", r.steps, " steps"),
                               "lower --trajectories or --steps");
  const std::vector<Tensor> states = trajectories(system, r.trajectories, r.steps, r.seed);
  std::vector<Tensor> lifted;
  for (const Tensor& z : states) lifted.push_back(phi(z));
  const Tensor features = stacked(lifted, 0, lifted.size() - 1);
  const KoopmanOptions options{.truncation = r.truncation};
  const KoopmanEstimate k = estimate_koopman(features, stacked(lifted, 1, lifted.size()), options);
  const auto tolerance_of = [&](const KoopmanEstimate& fit) {
    return r.tolerance > 0 ? r.tolerance : std::max(1e-6, 10 * fit.error);
  };
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
  print(r.system, system, k, found, constant_features(features) > 0, tolerance, out);
  const Tensor readout = estimate_readout(features, stacked(states, 0, states.size() - 1), options);
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
