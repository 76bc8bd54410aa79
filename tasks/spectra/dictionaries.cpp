// Makes dictionaries from the flags of the spectrum command.
#include "tasks/spectra/dictionaries.h"

#include "engine/ops.h"

namespace stillpoint {
namespace {

void require_features(double count, const std::string& what, const char* remedy) {
  require(count <= double(most_features), "spectrum: given ", what, ", which are ", count,
          " features, expected at most ", most_features, ", choose ", remedy);
}

Tensor evenly_chosen(const Tensor& rows, Index most) {
  if (rows.dim(0) <= most) return rows;
  const std::vector<double> values = rows.values();
  const Index width = rows.dim(1);
  std::vector<double> chosen;
  for (Index k = 0; k < most; ++k) {
    const auto begin = values.begin() + (k * rows.dim(0) / most) * width;
    chosen.insert(chosen.end(), begin, begin + width);
  }
  return Tensor::from(chosen, {most, width}, rows.options());
}

}  // namespace

Dictionary dictionary_of(const SpectrumRequest& r, const Tensor& states, double scale) {
  const Index width = states.dim(1);
  if (r.dictionary == "monomials") {
    double count = 1;
    for (Index k = 1; k <= r.degree; ++k) count *= double(width + k) / double(k);
    require_features(count, text("monomials of degree ", r.degree, " in ", width, " coordinates"),
                     "a lower --degree or fewer coordinates");
    return monomial_dictionary(r.degree);
  }
  if (r.dictionary == "fourier") return fourier_dictionary(r.features, r.bandwidth * scale, r.seed, width);
  if (r.dictionary == "kernel")
    return kernel_dictionary(evenly_chosen(states, most_centres), r.bandwidth * scale,
                             {.truncation = r.truncation, .rank = r.rank});
  require(r.dictionary == "identity", "spectrum: given the dictionary '", r.dictionary,
          "', expected auto, identity, monomials, fourier or kernel");
  require_features(double(width), text("states of ", width, " coordinates"), "another --dictionary");
  return identity_dictionary();
}

}  // namespace stillpoint
