// Writes eigenvalues as JSON, as CSV and as a picture.
#include "tasks/spectra/spectrum_files.h"

#include <cmath>
#include <iomanip>
#include <numbers>
#include <sstream>

#include "engine/io/files.h"
#include "tasks/io/plot.h"

namespace stillpoint {
namespace {

Plot figure_of(const std::string& title, const KoopmanSpectrum& s, double tolerance) {
  Plot plot{
      .name = "spectrum", .title = "Koopman eigenvalues: " + title, .xlabel = "real", .ylabel = "imaginary"};
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

}  // namespace

const char* place_of(std::complex<double> lambda, double tolerance) {
  if (std::abs(lambda - 1.0) <= tolerance) return "one";
  if (std::abs(std::abs(lambda) - 1) <= tolerance) return "circle";
  return std::abs(lambda) < 1 ? "inside" : "outside";
}

void write_spectrum(const std::filesystem::path& folder, const std::string& title, const KoopmanSpectrum& s,
                    double tolerance, Json result, std::ostream& out) {
  make_folder(folder);
  std::ostringstream csv;
  csv << "real,imaginary,modulus,place\n" << std::setprecision(17);
  for (const auto lambda : s.eigenvalues) {
    result["eigenvalues"].push_back({lambda.real(), lambda.imag()});
    csv << lambda.real() << ',' << lambda.imag() << ',' << std::abs(lambda) << ','
        << place_of(lambda, tolerance) << '\n';
  }
  write_atomically(folder / "spectrum.json", result.dump(2) + "\n");
  write_atomically(folder / "eigenvalues.csv", csv.str());
  const PlotResult drawn = plot_curves(folder, figure_of(title, s, tolerance));
  out << "written to " << shown(folder.string()) << (drawn.note.empty() ? "" : "; " + drawn.note) << "\n";
}

}  // namespace stillpoint
