// Folds runs of linear maps into the cheapest equal product.
#pragma once
#include <vector>

#include "engine/ops.h"

namespace stillpoint {

// Maps without an activation between them compose to one map, W = W_k ... W_1. A run of widths n_0, ..., n_k
// costs the sum of n_a n_b over the segments (a,b) that are multiplied out; the cheapest path keeps a width
// only if that pays (a narrow Koopman rank, for example). The function and, through the derivatives of the
// products, the gradients stay the same up to rounding. Biases are carried along.
std::vector<HeadLayer> fold_linear_runs(const std::vector<HeadLayer>& layers);

// Returns whether folding saves more than it costs. The products of the folding add a few dozen launches to a
// step on a GPU, an estimated 60 us. The head of a narrow chain is one launch per direction either way, and
// up to a few ten thousand positions the arithmetic that folding would save takes less time than that.
bool folding_pays(const std::vector<HeadLayer>& layers, Index positions, Device device);

// Returns the multiply-adds of the layers per position.
Index multiply_adds(const std::vector<HeadLayer>& layers);

}  // namespace stillpoint
