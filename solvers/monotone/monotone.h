// The equilibrium z = sigma(W z + b) of a monotone map as a value of a graph, with its implicit gradient.
#pragma once
#include <memory>

#include "solvers/monotone/splitting.h"

namespace stillpoint {

// sigma: ReLU, and 0 on the frame of images (...,side,side), which makes a circular convolution see zeros
// around them.
Tensor frame_relu(const Tensor& x);

// In the model's own order of axes, (samples,channels,side,side) or (samples,channels) per part.
struct MonotoneMap {
  std::function<Parts(const Parts& z)> product;  // W z; linear in z, recorded where recording is on
  Parts bias;                                    // U x + b; undefined: 0
  std::vector<Shape> shapes;
};
// sigma: frame_relu where x is (samples,channels,side,side), ReLU elsewhere.
Tensor activation(const Tensor& x);
// The pre-activation W z + b.
Parts pre_activation(const MonotoneMap& f, const Parts& z);

struct MonotoneEquilibrium {
  Tensor z;  // the last part of sigma(W z* + b); recorded
  PendingReport forward;
  std::shared_ptr<PendingReport> adjoint;  // filled by the backward pass; null where no gradient is asked for
};

// Gradients with respect to b and what W is made of: with g = dL/dz and D = 1[z > 0], W z* + b receives
// u = D (g + W^T u), which the same splitting solves with the same V. Second derivatives are not defined: an
// Error.
MonotoneEquilibrium monotone_equilibrium(const MonotoneMap& f, std::shared_ptr<const SplittingOperator> w,
                                         const SplittingOptions& options);

// W z of a map as a SplittingOperator's product, by recording the map where the transpose is asked for.
Parts product_by_map(const std::function<Parts(const Parts&)>& product, const Parts& z,
                     const std::vector<Shape>& shapes, bool transposed);

}  // namespace stillpoint
