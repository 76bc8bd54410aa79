// The `spectrum` command: estimates the Koopman spectrum of a textbook system, or of a trained DEQ's cell,
// from trajectories, and predicts with it.
#pragma once
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint {

struct SpectrumRequest {
  std::string system;  // a textbook system, or the run folder or checkpoint of a DEQ
  std::string dictionary =
      "auto";  // identity, monomials or fourier; auto: fourier if the system is not linear, else identity
  Index features = 160;    // for fourier
  Index degree = 3;        // for monomials
  double bandwidth = 1.5;  // for fourier
  Index trajectories = 200, steps = 30;
  double truncation = 1e-8;
  double tolerance = 0;  // of the circle; 0: 10 times the error of the fit, but at least 1e-6; 1e-6 for a DEQ
  std::uint64_t seed = 0;
  Index resamples = 20;          // of the trajectories, to see how often the verdict holds
  std::filesystem::path output;  // empty: nothing is written
  // For a DEQ, whose trajectories start from inputs of its training set:
  Index held_out = 100;                               // inputs of its test set
  std::vector<Index> sizes{8, 16, 32, 64, 128, 256};  // principal coordinates of the state in the dictionary
  std::string phi = {};  // run of a SIM of the same task, whose lift of x replaces x
};

// Writes what write_spectrum writes, and predictions.npy, to `output`, a summary to `out`.
void run_spectrum(SpectrumRequest request, std::ostream& out);

// Does the same for the cell z <- f(z, x) of a trained DEQ with inputs x (paper, section 3, eq. 3-7). For
// every size it reports a Koopman matrix of the features phi(z, x), its case, and the error of r(V U phi(z_0,
// x)), the projection on its eigenvalue 1, against the solver's z* for inputs that the fit has not seen. For
// comparison it reports the errors of the best linear map from phi(z_0, x) to z*, of the mean of z*, and of
// z* in as many principal coordinates, which bounds all others from below. The files are those of the largest
// dictionary, and prediction.{svg,csv}.
void run_deq_spectrum(const SpectrumRequest& request, std::ostream& out);

// Returns a line per system, for --help.
std::string describe_systems();

}  // namespace stillpoint
