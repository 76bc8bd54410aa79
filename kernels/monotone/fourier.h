// Fourier transforms of many small real images on the CPU; on CUDA solvers/monotone/fourier_grid.cpp
// multiplies by matrices.
#pragma once
#include "kernels/monotone/spectral.h"

namespace stillpoint::kernels {

// The forward transform is X[p,q] = sum_{y,x} z[y,x] e^{-2 pi i (p y + q x)/n}, from z (n n,width) to
// spectrum (half.count(),2,width) with real and imaginary rows. `width` images lie side by side, so that
// their elements are SIMD lanes.
void fourier_cpu(HalfSpectrum half, const Array& z, const Array& spectrum);
void inverse_fourier_cpu(HalfSpectrum half, const Array& spectrum, const Array& z);

}  // namespace stillpoint::kernels
