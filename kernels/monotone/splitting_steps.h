// Steps of operator splitting between two applications of a linear map, and the state of such an iteration.
#pragma once
#include <vector>

#include "kernels/device/array.h"
#include "kernels/root_solver/root_state.h"

namespace stillpoint::kernels {

// One part of a state, all (places,channels,samples). The places are those of a side x side image, row-major,
// or there is one. Forward, with sigma = ReLU that is also 0 on the frame of an image (its outermost places):
//   prox(u) = sigma(u), drift = a shift                        shift: U x + b
// Backward, with D = 1[z > 0]:
//   prox(u) = D (u + a shift), drift = 0                       shift: the cotangent of z
// `z` has data only in the backward iteration.
struct SplittingPart {
  Array u, shift, z;
  std::int64_t side;  // 1: no frame
};

// The state of the one iteration that all samples share; each array is (1), status and steps int32.
struct SplittingState {
  Array status, steps, residual, first;  // first: the first norm of an iterate that is not 0
};

// Peaceman-Rachford: r = 2 prox(u) - u + drift before the product with the resolvent; after it, with v = V r,
// u <- 2 v - (2 prox(u) - u).
void peaceman_rachford_before(const SplittingPart& part, double a, const Array& r);
// Changes nothing if the state's status is not running. sums: see judge_splitting.
void peaceman_rachford_after(const SplittingPart& part, double a, const Array& v, const SplittingState& state,
                             const Array& sums);

// Forward-backward on the iterate itself, with w = W u (or W^T u): forward u <- sigma((1-a) u + a (w +
// shift)), backward u <- D ((1-a) u + a (w + shift)).
void forward_backward(const SplittingPart& part, double a, const Array& w, const SplittingState& state,
                      const Array& sums);

// iterate = prox(u).
void splitting_iterate(const SplittingPart& part, double a, const Array& iterate);

// Returns the elements of the partial sums of ||z' - z||^2 and ||z'||^2 that a step of a part leaves, which
// has `places` places of `width` elements.
std::int64_t splitting_sums(std::int64_t places, std::int64_t width);
// The step's residual, the sum over parts of ||z' - z|| / (1e-6 + ||z'||), goes to state and trace (1), and
// decides on the status. `divergence` is how many times the first norm an iterate may reach. If ranks share
// the batch (kernels/group/shared_batch.h) the norms include all samples; `adjoint` says that the state is
// made of cotangents of each rank's own mean loss.
struct SplittingRule {
  std::int64_t step;  // counts from 1
  double tolerance, divergence;
  bool adjoint = false;
};
inline constexpr std::size_t most_splitting_parts = 8;
void judge_splitting(const std::vector<Array>& sums, const SplittingRule& rule, const SplittingState& state,
                     const Array& trace);
// y = relu(x), and 0 on the frame of every side x side image of x.
void frame_relu(std::int64_t side, const Array& x, const Array& y);
// Returns whether the iteration goes on; waits for the device.
bool splitting_runs(const SplittingState& state);

}  // namespace stillpoint::kernels
