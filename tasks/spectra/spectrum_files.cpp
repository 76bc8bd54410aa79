// Writes eigenvalues as JSON, as CSV and as a picture.
#include "tasks/spectra/spectrum_files.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iomanip>
#include <sstream>
#include <string_view>

#include "engine/io/files.h"
#include "engine/ops.h"
#include "solvers/koopman/pseudospectrum.h"
#include "tasks/drawing/contour.h"
#include "tasks/io/npy.h"
#include "tasks/io/numbers.h"

namespace stillpoint {
namespace {

struct Place {
  const char *name, *label;
};
constexpr Place places[] = {{"inside", "inside the unit circle"},
                            {"outside", "outside"},
                            {"circle", "on it"},
                            {"one", "at 1"},
                            {"spurious", "spurious: residual above 0.25"}};

std::string described(std::complex<double> lambda) {
  char text[96];
  std::snprintf(text, sizeof text, "%.5g %s %.5gi, modulus %.6g", lambda.real(),
                lambda.imag() < 0 ? "−" : "+", std::abs(lambda.imag()), std::abs(lambda));
  return text;
}

}  // namespace

const char* place_of(std::complex<double> lambda, double tolerance) {
  if (std::abs(lambda - 1.0) <= tolerance) return "one";
  if (std::abs(std::abs(lambda) - 1) <= tolerance) return "circle";
  return std::abs(lambda) < 1 ? "inside" : "outside";
}

drawing::Chart eigenvalue_chart(const std::string& title,
                                const std::vector<std::complex<double>>& eigenvalues, double tolerance,
                                const std::vector<double>& residuals) {
  drawing::Chart chart{.title = "Eigenvalues: " + title,
                       .x = {.name = "real"},
                       .y = {.name = "imaginary"},
                       .unit_circle = true};
  for (std::size_t k = 0; k < std::size(places); ++k) {
    drawing::Series series{.label = places[k].label, .style = k, .look = drawing::Look::points, .x = {}};
    for (std::size_t i = 0; i < eigenvalues.size(); ++i) {
      const auto lambda = eigenvalues[i];
      const bool spurious = i < residuals.size() && residuals[i] > spurious_residual;
      if (std::string_view(places[k].name) != (spurious ? "spurious" : place_of(lambda, tolerance))) continue;
      series.x.push_back(lambda.real());
      series.y.push_back(lambda.imag());
      series.titles.push_back(described(lambda));
    }
    series.note = grouped(std::int64_t(series.x.size()));
    if (!series.x.empty()) chart.series.push_back(std::move(series));
  }
  return chart;
}

void add_pseudospectra(drawing::Chart& chart, const OrderedSchur& schur, std::size_t most) {
  constexpr double around = 1.2;
  constexpr int highest = 1, lowest = -12;  // powers of ten
  const Pseudospectrum s = pseudospectrum(schur, around * std::max(1.0, std::abs(schur.eigenvalues()[0])));
  drawing::Grid grid{s.axis, s.axis, {}};
  for (const double least : s.least) grid.values.push_back(std::log10(least));
  std::size_t drawn = 0;
  for (int power = highest; power >= lowest && drawn < most; --power) {
    drawing::ContourLines lines = drawing::contour(grid, power);
    if (lines.x.empty()) continue;
    chart.series.push_back({.label = text("moved by ", std::pow(10.0, power)),
                            .style = std::size(places) + drawn++,
                            .look = drawing::Look::limit,
                            .x = std::move(lines.x),
                            .y = std::move(lines.y)});
  }
}

ToleranceOf tolerance_by_fit(double given) {
  return [given](const KoopmanEstimate& fit) { return given > 0 ? given : std::max(1e-6, 10 * fit.error); };
}

Index SpectrumFindings::spurious() const {
  return std::count_if(residuals.begin(), residuals.end(), [](double r) { return r > spurious_residual; });
}

SpectrumFindings findings_of(const KoopmanEstimate& k, const StepPairs& lifted, const KoopmanOptions& options,
                             const ToleranceOf& tolerance, Index resamples) {
  SpectrumFindings f{.spectrum = koopman_spectrum(k.matrix, {.tolerance = tolerance(k)}),
                     .vectors = OrderedSchur(k.matrix).eigenvectors(),
                     .residuals = {},
                     .resamples = resamples};
  f.residuals = eigenpair_residuals(lifted.from, lifted.to, f.spectrum.eigenvalues, f.vectors.left);
  f.holds =
      verdicts_that_hold(lifted, f.spectrum.settling, resamples, [&](const Tensor& from, const Tensor& to) {
        const KoopmanEstimate again = estimate_koopman(from, to, options);
        return koopman_spectrum(again.matrix, {.tolerance = tolerance(again)}).settling;
      });
  return f;
}

Json json_of(const SpectrumFindings& f) {
  const KoopmanSpectrum& s = f.spectrum;
  return {{"radius", s.radius},
          {"on_circle", s.on_circle},
          {"at_one", s.at_one},
          {"semisimple", s.semisimple},
          {"case", name_of(s.settling)},
          {"margin", s.margin},
          {"open", s.open},
          {"resamples", f.resamples},
          {"resamples_that_agree", f.holds},
          {"spurious", f.spurious()}};
}

std::string described(const SpectrumFindings& f) {
  const KoopmanSpectrum& s = f.spectrum;
  std::string line = s.settling == Settling::undecided
                         ? "open: " + s.open
                         : text("it holds until an eigenvalue moves by ", s.margin);
  if (f.resamples > 0) line += text("; the same case in ", f.holds, " of ", f.resamples, " resamples");
  if (f.residuals.empty()) return line;
  return line + text("; ", f.spurious(), " of ", s.eigenvalues.size(),
                     " eigenpairs are spurious (residual above 0.25)");
}

std::string described(const KoopmanEstimate& k, const SpectrumFindings& f, bool constant, double tolerance) {
  const KoopmanSpectrum& s = f.spectrum;
  return text(k.matrix.dim(0), " features of rank ", k.rank, ", fit error ", k.error, ", radius ", s.radius,
              ", ", s.on_circle, " eigenvalues on the circle, ", s.at_one, " at 1",
              constant && s.at_one > 0 ? ", among them that of the constant feature" : "", " (tolerance ",
              tolerance, ")\n", described(f), "\n");
}

void write_spectrum(const std::filesystem::path& folder, const std::string& title, const SpectrumFindings& f,
                    const Tensor& k, const Tensor& readout, double tolerance, Json result,
                    std::ostream& out) {
  make_folder(folder);
  const KoopmanSpectrum& s = f.spectrum;
  result.update(json_of(f));
  std::ostringstream csv;
  csv << "real,imaginary,modulus,place,residual\n" << std::setprecision(17);
  for (std::size_t i = 0; i < s.eigenvalues.size(); ++i) {
    const auto lambda = s.eigenvalues[i];
    result["eigenvalues"].push_back({lambda.real(), lambda.imag()});
    csv << lambda.real() << ',' << lambda.imag() << ',' << std::abs(lambda) << ','
        << place_of(lambda, tolerance) << ',';
    if (!f.residuals.empty()) {
      result["residuals"].push_back(number_or_null(f.residuals[i]));
      csv << f.residuals[i];
    }
    csv << '\n';
  }
  drawing::Chart chart = eigenvalue_chart(title, s.eigenvalues, tolerance, f.residuals);
  add_pseudospectra(chart, OrderedSchur(k));
  write_atomically(folder / "spectrum.json", result.dump(2) + "\n");
  write_atomically(folder / "eigenvalues.csv", csv.str());
  write_atomically(folder / "spectrum.svg", drawing::svg_of({chart}));
  write_npy(folder / "K.npy", k);
  if (readout.defined()) write_npy(folder / "readout.npy", readout);
  write_npy(folder / "eigenfunctions.npy", f.vectors.left.real, f.vectors.left.imaginary);
  const auto mode = [&](const Tensor& v) { return readout.defined() ? matmul(readout, v) : v; };
  write_npy(folder / "modes.npy", mode(f.vectors.right.real), mode(f.vectors.right.imaginary));
  out << "written to " << shown(folder.string()) << "\n";
}

}  // namespace stillpoint
