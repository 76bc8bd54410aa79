// What an iteration for z = f(z) knows of every sample, all on the device of z, so that no step waits for the
// host.
#pragma once
#include "kernels/array.h"

namespace stillpoint::kernels {

enum class SampleStatus : std::int32_t { running, converged, non_finite, diverged };

// One entry per sample. residual is ||f(z) - z||, or that / (||f(z)|| + 1e-9); lowest and first are of the
// same kind.
struct RootState {
  Array lowest, first;          // of z's dtype; lowest starts as infinity
  Array status, steps, better;  // int32; better: the last residual is the lowest so far
};

struct RootRule {
  bool relative = false;
  double tolerance = 0;   // a residual below it has converged
  double divergence = 0;  // a residual above it times the first has diverged
};

// Judges z against f = f(z), both (samples,width): updates the state of the samples that run and writes their
// residuals to trace (samples); a sample that has stopped keeps its lowest residual there. `step` counts
// from 1.
void judge_residuals(const Array& z, const Array& f, std::int64_t step, const RootRule& rule,
                     const RootState& state, const Array& trace);

// best[b,:] = z[b,:] where better[b].
void keep_better(const Array& z, const RootState& state, const Array& best);

// next[b,:] = z[b,:] where sample b has stopped.
void hold_stopped(const Array& z, const RootState& state, const Array& next);

// How many samples run; waits for the device.
std::int64_t count_running(const RootState& state);

// Broyden's rank-one update of B = -I + sum_m u_m v_m^T from the step p and q = -B g' (g' the new residual):
// with along = v . g', length = p . p and s = 1 / (along + length) it is u = s q, and the next step is p' =
// -(B + u v^T) g' = (1 - s along) q. A sample whose s is not finite keeps its B: u = 0, p' = q. along and
// length (samples), q and p' (samples,width); the samples of u lie u_stride elements apart.
void broyden_update(const Array& q, const Array& along, const Array& length, std::int64_t u_stride,
                    const Array& u, const Array& next_p);

// Anderson's weights: per sample the solution of [0 1^T; 1 G + lambda I] [nu; alpha] = [1; 0] for the leading
// (count, count) part of gram (samples, capacity, capacity), lambda = regularisation times the mean of G's
// diagonal (relative) or regularisation itself; alpha (samples,count). Where that is singular alpha is 1 for
// row `newest` and 0 for others.
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
