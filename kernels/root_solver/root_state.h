// The state of every sample in an iteration for z = f(z), all on the device of z, so that no step waits for
// the host.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

enum class SampleStatus : std::int32_t { running, converged, non_finite, diverged };

// One entry per sample, two in `lowest`. The best iterate is that of least ||f(z) - z||, or has converged: a
// relative residual, ||f(z) - z|| / (||f(z)|| + 1e-9), is about 1 for one that has blown up.
struct RootState {
  Array lowest, first;          // residuals of the best, its ||f(z) - z||, both from infinity; of the first
  Array status, steps, better;  // int32; better: the last iterate is the best so far
};

struct RootRule {
  bool relative = false;
  double tolerance = 0;   // a residual below it has converged
  double divergence = 0;  // a residual above it times the first has diverged
};

// Judges z against f = f(z), both (samples,width): updates the state of the running samples and writes their
// residuals to trace (samples), where a stopped sample keeps its best iterate's. `step` counts from 1.
void judge_residuals(const Array& z, const Array& f, std::int64_t step, const RootRule& rule,
                     const RootState& state, const Array& trace);

// to[b,:] = from[b,:] if flags[b] is not zero; both (samples,width), flags (samples) int32 or of their dtype.
void copy_where(const Array& flags, const Array& from, const Array& to);

// Returns how many samples run; waits for the device.
std::int64_t count_running(const RootState& state);

// Anderson's weights alpha (samples,count): per sample the solution of [0 1^T; 1 G + lambda I] [nu; alpha] =
// [1; 0] for the leading (count, count) part G of gram (samples, capacity, capacity). lambda is
// regularisation times the mean of G's diagonal (relative) or regularisation itself. If the system is
// singular, alpha is 1 for row `newest` and 0 for others.
struct AndersonSystem {
  std::int64_t samples = 0, capacity = 0, count = 0, newest = 0;
  double regularisation = 1e-4;
  bool relative = false;
};
inline constexpr std::int64_t most_anderson_rows = 16;
void anderson_weights(const Array& gram, const AndersonSystem& system, const Array& alpha);
// gram[b,slot,k] = gram[b,k,slot] = products[b,k]
void set_gram_row(const Array& products, const AndersonSystem& system, std::int64_t slot, const Array& gram);

}  // namespace stillpoint::kernels
