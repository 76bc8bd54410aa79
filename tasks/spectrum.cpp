// Trajectories to spectrum to files, and the prediction of states that were not used.
#include "tasks/spectrum.h"

#include <cmath>
#include <iomanip>
#include <numbers>
#include <sstream>

#include "engine/config.h"
#include "engine/files.h"
#include "engine/ops.h"
#include "solvers/systems.h"
#include "tasks/io/plot.h"

namespace stillpoint {
namespace {

Dictionary dictionary_of(SpectrumRequest& r, const System& system) {
  if (r.dictionary == "auto") r.dictionary = system.linear ? "identity" : "fourier";
  if (r.dictionary == "identity") return identity_dictionary();
  if (r.dictionary == "monomials") return monomial_dictionary(r.degree);
  if (r.dictionary == "fourier") return fourier_dictionary(r.features, r.bandwidth, r.seed, 2);
  fail("spectrum: given the dictionary '", r.dictionary, "', expected auto, identity, monomials or fourier");
}

// The states of all but the last (or the first) time, one after the other.
Tensor stacked(const std::vector<Tensor>& states, std::size_t first, std::size_t last) {
  std::vector<double> all;
  for (std::size_t t = first; t < last; ++t) {
    const std::vector<double> values = states[t].values();
    all.insert(all.end(), values.begin(), values.end());
  }
  const Index rows = Index(all.size()) / 2;
  return Tensor::from(all, {rows, 2}, {DType::float64, Device::cpu});
}

// Of the eigenvalue: where it lies.
const char* place_of(std::complex<double> lambda, double tolerance) {
  if (std::abs(lambda - 1.0) <= tolerance) return "one";
  if (std::abs(std::abs(lambda) - 1) <= tolerance) return "circle";
  return std::abs(lambda) < 1 ? "inside" : "outside";
}

// ||predicted - true|| / ||true|| of new starts after `steps` steps, by the part of K^steps on the circle.
double held_out_error(const SpectrumRequest& r, const System& system, const Dictionary& phi,
                      const KoopmanEstimate& k, const Tensor& readout, double tolerance) {
  const std::vector<Tensor> states = trajectories(system, 100, 3 * r.steps, r.seed + 1);
  const Tensor limit = matmul(readout, settled_power(k.matrix, 3 * r.steps, tolerance));
  const Tensor predicted = matmul(phi(states.front()), limit, {.transpose_b = true});
  const double error = sum(square(predicted - states.back())).item(),
               norm = sum(square(states.back())).item();
  return std::sqrt(error / norm);
}

Plot figure_of(const SpectrumRequest& r, const KoopmanSpectrum& s, double tolerance) {
  Plot plot{.name = "spectrum",
            .title = "Koopman eigenvalues: " + r.system,
            .xlabel = "real",
            .ylabel = "imaginary"};
  plot.equal_axes = true;
  Curve circle{.label = "modulus 1", .x = {}, .y = {}};
  for (int i = 0; i <= 200; ++i) {
    circle.x.push_back(std::cos(i * std::numbers::pi / 100));
    circle.y.push_back(std::sin(i * std::numbers::pi / 100));
  }
  plot.curves.push_back(circle);
  for (const char* place : {"inside", "one", "circle", "outside"}) {
    Curve curve{.label = place, .x = {}, .y = {}, .points = true};
    for (const auto lambda : s.eigenvalues) {
      if (std::string(place) != place_of(lambda, tolerance)) continue;
      curve.x.push_back(lambda.real());
      curve.y.push_back(lambda.imag());
    }
    plot.curves.push_back(curve);
  }
  return plot;
}

void write_files(const SpectrumRequest& r, const KoopmanSpectrum& s, Json result, double tolerance,
                 std::ostream& out) {
  make_folder(r.output);
  std::ostringstream csv;
  csv << "real,imaginary,modulus,place\n" << std::setprecision(17);
  for (const auto lambda : s.eigenvalues) {
    result["eigenvalues"].push_back({lambda.real(), lambda.imag()});
    csv << lambda.real() << ',' << lambda.imag() << ',' << std::abs(lambda) << ','
        << place_of(lambda, tolerance) << '\n';
  }
  write_atomically(r.output / "spectrum.json", result.dump(2) + "\n");
  write_atomically(r.output / "eigenvalues.csv", csv.str());
  const PlotResult drawn = plot_curves(r.output, figure_of(r, s, tolerance));
  out << "written to " << r.output.string() << (drawn.note.empty() ? "" : "; " + drawn.note) << "\n";
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
  const std::vector<Tensor> states = trajectories(system, r.trajectories, r.steps, r.seed);
  const Tensor from = stacked(states, 0, states.size() - 1), to = stacked(states, 1, states.size());
  const Tensor features = phi(from);
  const KoopmanOptions options{.truncation = r.truncation};
  const KoopmanEstimate k = estimate_koopman(features, phi(to), options);
  const double tolerance = r.tolerance > 0 ? r.tolerance : std::max(1e-6, 10 * k.error);
  const KoopmanSpectrum s = koopman_spectrum(k.matrix, tolerance);
  Json result{
      {"system", r.system},         {"dictionary", r.dictionary},  {"features", features.dim(1)},
      {"fit_rank", k.rank},         {"fit_error", k.error},        {"tolerance", tolerance},
      {"radius", s.radius},         {"on_circle", s.on_circle},    {"at_one", s.at_one},
      {"semisimple", s.semisimple}, {"case", name_of(s.settling)}, {"known_case", name_of(system.settling)}};
  out << r.system << ": case " << name_of(s.settling) << " (known: " << name_of(system.settling) << ")\n"
      << features.dim(1) << " features of rank " << k.rank << ", fit error " << k.error << ", radius "
      << s.radius << ", " << s.on_circle << " eigenvalues on the circle, " << s.at_one << " at 1 (tolerance "
      << tolerance << ")\n";
  if (s.settling == Settling::settles || s.settling == Settling::oscillates) {
    const double error =
        held_out_error(r, system, phi, k, estimate_readout(features, from, options), tolerance);
    result["held_out_error"] = error;
    out << "new starts after " << 3 * r.steps << " steps, predicted from the circle alone: relative error "
        << error << "\n";
  }
  if (!r.output.empty()) write_files(r, s, std::move(result), tolerance, out);
}

}  // namespace stillpoint
