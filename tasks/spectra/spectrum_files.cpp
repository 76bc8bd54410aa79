// Writes eigenvalues as JSON, as CSV and as a picture.
#include "tasks/spectra/spectrum_files.h"

#include <cmath>
#include <cstdio>
#include <iomanip>
#include <sstream>
#include <string_view>

#include "engine/io/files.h"
#include "tasks/io/numbers.h"

namespace stillpoint {
namespace {

struct Place {
  const char *name, *label;
};
constexpr Place places[] = {
    {"inside", "inside the unit circle"}, {"outside", "outside"}, {"circle", "on it"}, {"one", "at 1"}};

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
                                const std::vector<std::complex<double>>& eigenvalues, double tolerance) {
  drawing::Chart chart{.title = "Eigenvalues: " + title,
                       .x = {.name = "real"},
                       .y = {.name = "imaginary"},
                       .unit_circle = true};
  for (std::size_t k = 0; k < std::size(places); ++k) {
    drawing::Series series{.label = places[k].label, .style = k, .look = drawing::Look::points, .x = {}};
    for (const auto lambda : eigenvalues) {
      if (std::string_view(places[k].name) != place_of(lambda, tolerance)) continue;
      series.x.push_back(lambda.real());
      series.y.push_back(lambda.imag());
      series.titles.push_back(described(lambda));
    }
    series.note = grouped(std::int64_t(series.x.size()));
    if (!series.x.empty()) chart.series.push_back(std::move(series));
  }
  return chart;
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
  write_atomically(folder / "spectrum.svg",
                   drawing::svg_of({eigenvalue_chart(title, s.eigenvalues, tolerance)}));
  out << "written to " << shown(folder.string()) << "\n";
}

}  // namespace stillpoint
