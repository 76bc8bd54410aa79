// The files that the spectrum command writes: eigenvalues and their figure.
#pragma once
#include <complex>
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "engine/config.h"
#include "solvers/koopman/evidence.h"
#include "tasks/drawing/chart.h"

namespace stillpoint {

// Returns where an eigenvalue lies: one, circle, inside or outside.
const char* place_of(std::complex<double> lambda, double tolerance);

// An eigenpair whose residual on the data is above this share of its eigenfunction is an artefact of the fit.
inline constexpr double spurious_residual = 0.25;

// Draws the unit circle and the eigenvalues by their place (paper, Fig. 2). Those with a spurious residual
// are drawn as such, if residuals are given.
drawing::Chart eigenvalue_chart(const std::string& title,
                                const std::vector<std::complex<double>>& eigenvalues, double tolerance,
                                const std::vector<double>& residuals = {});

// What the fit of a Koopman matrix shows.
struct SpectrumFindings {
  KoopmanSpectrum spectrum;
  EigenvectorPair vectors;
  std::vector<double> residuals;  // of the eigenpairs
  Index resamples = 0, holds = 0;
  Index spurious() const;
};
// Returns the findings of a fit to lifted features.
using ToleranceOf = std::function<double(const KoopmanEstimate&)>;
SpectrumFindings findings_of(const KoopmanEstimate& k, const StepPairs& lifted, const KoopmanOptions& options,
                             const ToleranceOf& tolerance, Index resamples);
// The given tolerance, or if it is 0 ten times the error of the fit, but at least 1e-6.
ToleranceOf tolerance_by_fit(double given);

// Draws where the least singular value of z - K is 10^-k, for at most `most` values of k.
void add_pseudospectra(drawing::Chart& chart, const OrderedSchur& schur, std::size_t most = 4);

// Writes spectrum.json (`result` and the eigenvalues), eigenvalues.csv and their chart with pseudospectra,
// spectrum.svg; K.npy, readout.npy (states from features), eigenfunctions.npy (columns w_i of w_i^T phi) and
// modes.npy (columns: the readout times v_i). A readout without data stands for the identity, and is not
// written. Reports that on `out`.
void write_spectrum(const std::filesystem::path& folder, const std::string& title,
                    const SpectrumFindings& findings, const Tensor& k, const Tensor& readout,
                    double tolerance, Json result, std::ostream& out);
Json json_of(const SpectrumFindings& findings);
// Two lines: features, fit, eigenvalues on the circle; and the line below.
std::string described(const KoopmanEstimate& k, const SpectrumFindings& findings, bool constant,
                      double tolerance);
// `margin ..., holds in 20 of 20 resamples, 3 eigenpairs spurious`, and what is open.
std::string described(const SpectrumFindings& findings);
}  // namespace stillpoint
