// Transforms many small real images to their frequencies on the CPU; on CUDA
// solvers/monotone/frequency_grid.cpp multiplies by matrices.
#pragma once
#include "kernels/monotone/frequencies.h"

namespace stillpoint::kernels {

// The forward transform is X[p,q] = sum_{y,x} z[y,x] e^{-2 pi i (p y + q x)/n}, from z (n n,width) to
// frequencies (half.count(),2,width) with real and imaginary rows. `width` images lie side by side, so that
// their elements are SIMD lanes.
void frequency_transform_cpu(HalfFrequencies half, const Array& z, const Array& frequencies);
void inverse_frequency_transform_cpu(HalfFrequencies half, const Array& frequencies, const Array& z);

}  // namespace stillpoint::kernels
