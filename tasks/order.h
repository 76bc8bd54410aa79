// The order in which an epoch visits its examples, as a pure function of seed and step.
#pragma once
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

struct EpochOrder {
  std::uint64_t seed;
  Index examples;
  bool shuffled;

  // All rows of one epoch.
  std::vector<Index> rows(Index epoch) const;
  // Rows of the batch of this step (from 0); the last batch of an epoch may be smaller.
  std::vector<Index> batch(Index step, Index batch_size) const;
};

}  // namespace stillpoint
