// The `spectrum` command: estimates the Koopman spectrum of a textbook system, of the user's trajectories or
// of a trained DEQ's cell, and predicts with it; or reads the spectrum of a given matrix.
#pragma once
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint {

struct SpectrumRequest {
  std::string system;             // a textbook system, or the run folder or checkpoint of a DEQ
  std::vector<std::string> data;  // instead of it: files of trajectories, as read_trajectories takes them
  std::string matrix;             // instead of both: the file of a matrix K
  // identity, monomials, fourier or kernel; auto: fourier for a textbook system that is not linear, else
  // identity. Not kernel for a DEQ.
  std::string dictionary = "auto";
  Index features = 160;    // for fourier
  Index degree = 3;        // for monomials
  double bandwidth = 1.5;  // for fourier and kernel
  Index trajectories = 200, steps = 30;
  double truncation = 1e-8;
  Index rank = 0;        // the most singular values that are used; 0: all above the truncation
  double tolerance = 0;  // of the circle; 0: 10 times the error of the fit, but at least 1e-6; 1e-6 for a DEQ
  std::uint64_t seed = 0;
  Index resamples = 20;          // of the trajectories, to see how often the verdict holds
  std::filesystem::path output;  // empty: nothing is written
  // For data: trajectories, the last ones, that the fit does not see; 0: a fifth of them. For a DEQ, whose
  // trajectories start from inputs of its training set: inputs of its test set; 0: 100.
  Index held_out = 0;
  std::vector<Index> sizes{8, 16, 32, 64, 128, 256};  // principal coordinates of the state in the dictionary
  std::string phi = {};  // run of a SIM of the same task, whose lift of x replaces x
};

// Writes what write_spectrum writes, and predictions.npy, to `output`, a summary to `out`.
void run_spectrum(SpectrumRequest request, std::ostream& out);

// Does the same for trajectories, of which the last are held out. If there is only one, its last fifth is.
// Also writes forecast.{svg,csv}, the errors of forecasts against the number of steps, and forecasts.csv, the
// held-out states beside them.
void run_data_spectrum(SpectrumRequest request, std::ostream& out);

// Says the case of a matrix.
void run_matrix_spectrum(const SpectrumRequest& request, std::ostream& out);

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
