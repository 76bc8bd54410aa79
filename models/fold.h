// Folding of runs of linear maps into the cheapest equal product.
#pragma once
#include <vector>

#include "engine/ops.h"

namespace stillpoint {

// Maps without an activation between them compose to one map, W = W_k ... W_1. A run of widths n_0, ..., n_k costs
// the sum of n_a n_b over the segments (a,b) that are multiplied out; the cheapest path keeps a width only where it
// pays (a narrow Koopman rank, say). Same function and, through the products' own derivatives, the same gradients;
// only rounding differs. Biases are carried along.
std::vector<HeadLayer> fold_linear_runs(const std::vector<HeadLayer>& layers);

// Whether folding saves more than it costs. Its own products are a few dozen launches of a GPU's step, about 60 us by
// estimate; the head of a narrow chain is one launch per direction either way, and what it computes in vain is less
// than that up to a few ten thousand positions.
bool folding_pays(const std::vector<HeadLayer>& layers, Index positions, Device device);

// Multiply-adds per position of the layers.
Index multiply_adds(const std::vector<HeadLayer>& layers);

}  // namespace stillpoint
