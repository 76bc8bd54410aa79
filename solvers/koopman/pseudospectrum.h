// Computes pseudospectra: how far the eigenvalues of a matrix may move if the matrix has an error.
#pragma once
#include <vector>

#include "solvers/koopman/ordered_schur.h"

namespace stillpoint {

// The least singular value s(z) of z - K on a square grid around 0, to about 1 %. Where s(z) < e, z is an
// eigenvalue of some K + E with ||E|| < e in the spectral norm (Trefethen, Embree 2005).
struct Pseudospectrum {
  std::vector<double> axis;   // of real and of imaginary parts, ascending
  std::vector<double> least;  // least[i * axis.size() + j] = s(axis[j] + axis[i] i)
};
// Takes the `most` eigenvalues of the largest moduli if there are more; s is then an upper bound. `points` of
// each axis from -reach to reach.
Pseudospectrum pseudospectrum(const OrderedSchur& schur, double reach, Index points = 48, Index most = 100);

}  // namespace stillpoint
