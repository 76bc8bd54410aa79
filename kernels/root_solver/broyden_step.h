// A step of Broyden's method for g(z) = f(z) - z, per sample, in two calls: one judges z, the other moves it.
#pragma once
#include "kernels/root_solver/history.h"
#include "kernels/root_solver/root_state.h"

namespace stillpoint::kernels {

// Armijo's line search for ||g(z + s p)||^2 per sample, with slope -||g(z)||^2 at s = 0. Arrays are
// (samples), except `from`.
struct LineSearch {
  Array from;                      // (samples,width): the point from which the steps go
  Array start;                     // ||g(from)||^2; infinite before the first point
  Array scale;                     // s of the point to come
  Array last_scale, last_squares;  // of the trial before it; last_scale 0: there was no trial
  Array taken;                     // s of the point that was just judged; 0: refused
};
// If a point is low enough, it becomes the start and the next scale is 1. Otherwise it is refused, and the
// next scale is the least point of the parabola or cubic through the known values, between a tenth and half
// of this one. Below least_line_scale the search gives up and takes the full step, whatever its value.
inline constexpr double least_line_scale = 1e-2, line_decrease = 1e-4;

// B = -I + sum_{m<count} u_m v_m^T, and the step t p that led to z; without p the method starts anew, from B
// = -I.
struct BroydenStep {
  Array z, f, p = {};      // (samples,width); p may have no data
  History u = {}, v = {};  // of one count
  Array products = {};     // (samples, 2 count + 2): V g, U p, along, length; see broyden_move
  LineSearch search = {};  // without data if every t is 1
};

// Judges z against f as judge_residuals does, and judges the line search's trial. Fills `products`.
void broyden_judge(const BroydenStep& step, std::int64_t number, const RootRule& rule, const RootState& state,
                   const Array& trace);

// Broyden's rank-one update with v = p^T B from the step t p and q = -B g, where g is the residual at z. With
// along = v . g = U p . V g - p . g, length = p . p and s = 1 / (along + length) it is u = s (q - (1 - t) p),
// and the next direction is p' = -(B + u v^T) g = q - along u. A sample whose s is not finite keeps its B: u
// = 0, p' = q (p if q is not finite). One whose step was refused, t = 0, has p' = p. The new u and v become
// row `count` of their histories.
// The next iterate is z + p', or from + scale p' with a line search. A stopped sample stays at z. A sample
// whose iterate was the best so far writes z to `best`.
struct BroydenMove {
  Array best, next_p, next_z;  // (samples,width)
};
void broyden_move(const BroydenStep& step, const RootState& state, const BroydenMove& to);

}  // namespace stillpoint::kernels
