// Turns trajectories into a spectrum and its files, and predicts states that the fit has not used.
#include "tasks/spectra/spectrum_command.h"

#include <cmath>
#include <iomanip>
#include <sstream>

#include "engine/ops.h"
#include "kernels/host/host_memory.h"
#include "solvers/koopman/systems.h"
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

// Returns the states of times first to last - 1, one below the other.
Tensor stacked(const std::vector<Tensor>& states, std::size_t first, std::size_t last) {
  std::vector<double> all;
  for (std::size_t t = first; t < last; ++t) {
    const std::vector<double> values = states[t].values();
    all.insert(all.end(), values.begin(), values.end());
  }
  const Index rows = Index(all.size()) / 2;
  return Tensor::from(all, {rows, 2}, {DType::float64, Device::cpu});
}

// Returns ||predicted - true|| / ||true|| for new starts after n = 3 * steps steps, predicted by the part of
// K^n on the circle.
double held_out_error(const SpectrumRequest& r, const System& system, const Dictionary& phi,
                      const KoopmanEstimate& k, const Tensor& readout, double tolerance) {
  const std::vector<Tensor> states = trajectories(system, 100, 3 * r.steps, r.seed + 1);
  const Tensor limit = matmul(readout, settled_power(k.matrix, 3 * r.steps, {.tolerance = tolerance}));
  const Tensor predicted = matmul(phi(states.front()), limit, {.transpose_b = true});
  const double error = sum(square(predicted - states.back())).item(),
               norm = sum(square(states.back())).item();
  return std::sqrt(error / norm);
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
  const Tensor from = stacked(states, 0, states.size() - 1), to = stacked(states, 1, states.size());
  const Tensor features = phi(from);
  const KoopmanOptions options{.truncation = r.truncation};
  const KoopmanEstimate k = estimate_koopman(features, phi(to), options);
  const double tolerance = r.tolerance > 0 ? r.tolerance : std::max(1e-6, 10 * k.error);
  const KoopmanSpectrum s = koopman_spectrum(k.matrix, {.tolerance = tolerance});
  Json result{
      {"system", r.system},         {"dictionary", r.dictionary},  {"features", features.dim(1)},
      {"fit_rank", k.rank},         {"fit_error", k.error},        {"tolerance", tolerance},
      {"radius", s.radius},         {"on_circle", s.on_circle},    {"at_one", s.at_one},
      {"semisimple", s.semisimple}, {"case", name_of(s.settling)}, {"known_case", name_of(system.settling)}};
  out << r.system << ": case " << name_of(s.settling) << " (known: " << name_of(system.settling) << ")\n"
      << features.dim(1) << " features of rank " << k.rank << ", fit error " << k.error << ", radius "
      << s.radius << ", " << s.on_circle << " eigenvalues on the circle, " << s.at_one << " at 1 (tolerance "
      << tolerance << ")\n";
  if (!s.open.empty()) out << "open: " << s.open << "\n";
  result["margin"] = s.margin;
  result["open"] = s.open;
  if (s.settling == Settling::settles || s.settling == Settling::oscillates) {
    const double error =
        held_out_error(r, system, phi, k, estimate_readout(features, from, options), tolerance);
    result["held_out_error"] = error;
    out << "new starts after " << 3 * r.steps << " steps, predicted only from the circle: relative error "
        << error << "\n";
  }
  if (!r.output.empty())
    write_spectrum(r.output, r.system + ", case " + name_of(s.settling), s, tolerance, std::move(result),
                   out);
}

}  // namespace stillpoint
