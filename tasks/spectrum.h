// The `spectrum` command: the Koopman spectrum of a textbook system from its trajectories, and what it
// predicts.
#pragma once
#include <filesystem>
#include <ostream>
#include <string>

#include "kernels/array.h"

namespace stillpoint {

struct SpectrumRequest {
  std::string system;
  std::string dictionary =
      "auto";              // identity, monomials or fourier; auto: identity of linear systems, else fourier
  Index features = 160;    // of fourier
  Index degree = 3;        // of monomials
  double bandwidth = 1.5;  // of fourier
  Index trajectories = 200, steps = 30;
  double truncation = 1e-8;
  double tolerance = 0;  // of the circle; 0: 10 times the error of the fit, 1e-6 at least
  std::uint64_t seed = 0;
  std::filesystem::path output;  // empty: nothing is written
};

// Writes spectrum.json, eigenvalues.csv and spectrum.{dat,gnuplot,png,svg} to `output`, and a summary to
// `out`.
void run_spectrum(SpectrumRequest request, std::ostream& out);

// A line per system for --help.
std::string describe_systems();

}  // namespace stillpoint
