// Estimates Koopman matrices of a map from trajectories, and reads from their spectra how the map settles.
#pragma once
#include <complex>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "solvers/koopman/ordered_schur.h"

namespace stillpoint {

// All matrices are float64 on the CPU. Lifted states are rows: features (n,D) = phi of n states.

// EDMD: the least-squares K (D,D) of phi(z_{t+1}) = K phi(z_t) (SIM paper eq. 3), given the features of z_t
// and of z_{t+1}. Singular values of `from` below truncation times the largest are left out.
// If `rank` is positive, at most so many singular values are used (exact DMD of that rank; Tu et al. 2014).
struct KoopmanOptions {
  double truncation = 1e-10;
  Index rank = 0;
};
struct KoopmanEstimate {
  Tensor matrix;
  Index rank = 0;    // singular values in use
  double error = 0;  // ||to - from K^T|| / ||to||, Frobenius
};
KoopmanEstimate estimate_koopman(const Tensor& from, const Tensor& to, const KoopmanOptions& options = {});

// Returns the least-squares B (d,D) of x = B phi(x), which maps features back to states.
Tensor estimate_readout(const Tensor& features, const Tensor& states, const KoopmanOptions& options = {});

// The paper's cases of K^n for large n.
enum class Settling {
  vanishes,    // (i)   radius < 1: tends to zero
  settles,     // (ii)  every eigenvalue of modulus one is 1 and semisimple: tends to a fixed point, eq. 7
  oscillates,  // (iii) those of modulus one are semisimple, some are not 1: stays bounded, eq. 8
  diverges,    // (iv)  radius > 1, or one of modulus one is not semisimple: grows like n^(m-1) or faster
  undecided    // the matrix is not known well enough to tell; KoopmanSpectrum::open says what would decide it
};
const char* name_of(Settling settling);

// What counts as equal. The verdict rests on the blocks of an ordered Schur form of the balanced matrix. The
// noise of a block is its projector's norm times the error of the matrix: rounding, or `uncertainty` if that
// is larger. Eigenvalues whose distance the noise explains are one block, as are those on the circle within
// `tolerance` of each other. A block is on the circle if its mean is, within the noise or the tolerance.
struct SpectrumOptions {
  double tolerance = 1e-6;  // of eigenvalues
  double uncertainty = 0;   // norm of the error of K
};
// Above this, a tolerance or a noise cannot tell rest from decay: the verdict is undecided.
inline constexpr double largest_tolerance = 0.05;

struct KoopmanSpectrum {
  Eigenvalues eigenvalues;  // by falling modulus
  double radius = 0;
  Index on_circle = 0;     // eigenvalues of modulus one, within the tolerance
  Index at_one = 0;        // those on the circle that are 1
  bool semisimple = true;  // whether every block on the circle is a multiple of the identity, up to its noise
  Settling settling = Settling::vanishes;
  // The verdict holds until an eigenvalue moves by more than this; 0 if undecided.
  double margin = 0;
  std::string open;  // if undecided: what is not known, and what would decide it
};
KoopmanSpectrum koopman_spectrum(const Tensor& matrix, const SpectrumOptions& options = {});

// The limit of K^n on the eigenvalue 1 (eq. 7): V U with the projector's factors V (D,p) and U (p,D), U V =
// I. In case (iii) it is the mean over time. Throws Error if eigenvalue 1 is not semisimple, if radius > 1,
// or if either is undecided.
struct SpectralProjector {
  Tensor v, u;
  Tensor matrix() const;
};
SpectralProjector fixed_space(const Tensor& matrix, const SpectrumOptions& options = {});

// Returns the part of K^n on the eigenvalues of modulus one (eq. 8). In cases (i)-(iii) only this part
// remains for large n. Throws Error in case (iv), or if the case is undecided.
Tensor settled_power(const Tensor& matrix, Index n, const SpectrumOptions& options = {});

// The Perron-Frobenius matrix of a map of [0,1) by Ulam's method: entry (i,j) is the share of cell j that
// lands in cell i, probed at `probes` evenly spaced points. Its eigenvector at 1, scaled to a mean of one, is
// the invariant density. Throws Error if the map leaves [0,1].
Tensor ulam_matrix(double (*map)(double), Index cells, Index probes = 100);
std::vector<double> invariant_density(const Tensor& ulam);

}  // namespace stillpoint
