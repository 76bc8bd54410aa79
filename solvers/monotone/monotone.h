// The equilibrium z = sigma(W z + b) of a monotone map, as a value of a graph with an implicit gradient.
#pragma once
#include <memory>

#include "solvers/monotone/splitting.h"

namespace stillpoint {

// ReLU, but 0 on the frame of images (...,side,side), so that a circular convolution sees zeros around them.
Tensor frame_relu(const Tensor& x);

// W z + b in the model's own order of axes: (samples,channels,side,side) or (samples,channels) per part.
struct MonotoneMap {
  std::function<Parts(const Parts& z)> product;  // W z; linear in z, recorded if recording is on
  Parts bias;                                    // U x + b; an undefined part counts as 0
  std::vector<Shape> shapes;
};
// sigma: frame_relu if x is (samples,channels,side,side), ReLU otherwise.
Tensor activation(const Tensor& x);
// The pre-activation W z + b.
Parts pre_activation(const MonotoneMap& f, const Parts& z);

struct MonotoneEquilibrium {
  Tensor z;  // the last part of sigma(W z* + b); recorded
  PendingReport forward;
  std::shared_ptr<PendingReport> adjoint;  // filled by the backward pass; null if no gradient is needed
};

// Has gradients with respect to b and the parameters of W. With g = dL/dz and D = 1[z > 0], W z* + b receives
// the cotangent u = D (g + W^T u), which the same splitting solves with the same V. Throws Error if a second
// derivative is asked for: it is not defined.
MonotoneEquilibrium monotone_equilibrium(const MonotoneMap& f, std::shared_ptr<const SplittingOperator> w,
                                         const SplittingOptions& options);

// Computes a SplittingOperator's W z by calling a map, and W^T z by recording the map and differentiating it.
Parts product_by_map(const std::function<Parts(const Parts&)>& product, const Parts& z,
                     const std::vector<Shape>& shapes, bool transposed);

}  // namespace stillpoint
