// Draws eigenvalues on the complex plane.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kernels/device/error.h"
#include "tasks/drawing/chart.h"
#include "tasks/drawing/scale.h"
#include "tasks/report/frame.h"
#include "tasks/spectra/spectrum_files.h"

namespace stillpoint::report {
namespace {

struct Place {
  const char *name, *label, *css;
};
constexpr Place places[] = {{"inside", "inside the unit circle", "c0"},
                            {"circle", "on it", "c2"},
                            {"one", "at 1", "c3"},
                            {"outside", "outside", "c1"}};

// Also the shapes differ, so that colour is never the only difference.
void write_mark(HtmlWriter& out, const Place& of, double x, double y, const std::string& title) {
  const std::string name = of.name, css = text("mark ", of.css);
  const auto at = [](double a, double b) { return place(a) + " " + place(b); };
  const std::string path = name == "circle" ? text("M", at(x - 4, y - 4), " h8 v8 h-8 z")
                           : name == "one"  ? text("M", at(x, y - 5.5), " l5.5 5.5 l-5.5 5.5 l-5.5 -5.5 z")
                                            : text("M", at(x, y - 5.5), " l5 9 h-10 z");
  const auto element =
      name == "inside"
          ? out.open("circle", {{"class", css}, {"cx", place(x)}, {"cy", place(y)}, {"r", "3.5"}})
          : out.open("path", {{"class", css}, {"d", path}});
  if (!title.empty()) out.leaf("title", title);
}

std::string described(std::complex<double> lambda) {
  char text[96];
  std::snprintf(text, sizeof text, "%.5g %s %.5gi, modulus %.6g", lambda.real(),
                lambda.imag() < 0 ? "−" : "+", std::abs(lambda.imag()), std::abs(lambda));
  return text;
}

void write_legend(HtmlWriter& out, const std::vector<std::complex<double>>& eigenvalues, double tolerance) {
  const auto list = out.open("ul", {{"class", "legend"}});
  for (const Place& of : places) {
    const auto count = std::count_if(
        eigenvalues.begin(), eigenvalues.end(),
        [&](std::complex<double> lambda) { return std::string(of.name) == place_of(lambda, tolerance); });
    if (count == 0) continue;
    const auto item = out.open("li");
    {
      const auto svg =
          out.open("svg", {{"class", "swatch"}, {"viewBox", "0 0 26 12"}, {"aria-hidden", "true"}});
      write_mark(out, of, 13, 6, "");
    }
    out.leaf("span", of.label, {{"class", "label"}});
    out.leaf("span", grouped(count), {{"class", "last"}});
  }
}

}  // namespace

void write_plane(HtmlWriter& out, const std::string& title,
                 const std::vector<std::complex<double>>& eigenvalues, double tolerance) {
  double reach = 1.12;
  for (const auto lambda : eigenvalues)
    if (std::isfinite(std::abs(lambda)))
      reach = std::max({reach, 1.06 * std::abs(lambda.real()), 1.06 * std::abs(lambda.imag())});
  reach = std::min(reach, 1e300);  // keeps the length of the axes finite
  const Axis x{.low = -reach, .high = reach, .from = 52, .to = 388},
      y{.low = -reach, .high = reach, .from = 360, .to = 24};
  const auto figure = out.open("figure", {{"class", "plane"}});
  out.leaf("figcaption", title);
  {
    const auto svg =
        out.open("svg", {{"class", "chart"},
                         {"viewBox", "0 0 400 400"},
                         {"role", "img"},
                         {"aria-label", text(title, ": ", eigenvalues.size(),
                                             " eigenvalues on the complex plane, with the unit circle")}});
    write_axes(out, x, y, "real", "imaginary", true);
    out.empty("circle",
              {{"class", "unit"}, {"cx", place(x(0))}, {"cy", place(y(0))}, {"r", place(x(1) - x(0))}});
    for (const Place& of : places)
      for (const auto lambda : eigenvalues)
        if (std::isfinite(std::abs(lambda)) && std::string(of.name) == place_of(lambda, tolerance))
          write_mark(out, of, x(lambda.real()), y(lambda.imag()), described(lambda));
  }
  write_legend(out, eigenvalues, tolerance);
}

}  // namespace stillpoint::report
