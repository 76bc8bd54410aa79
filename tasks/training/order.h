// The order in which an epoch visits its examples, as a pure function of seed and step.
#pragma once
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

struct EpochOrder {
  std::uint64_t seed = 0;
  Index examples = 0;
  bool shuffled = false;

  // All rows of one epoch.
  std::vector<Index> rows(Index epoch) const;
  // Rows of the batch of this step (from 0); the last batch of an epoch may be smaller.
  std::vector<Index> batch(Index step, Index batch_size) const;

  // Of the epoch that batch() asked for last: drawing an order takes time in proportion to the examples.
  mutable Index kept_epoch = -1;
  mutable std::vector<Index> kept_rows = {};
};

}  // namespace stillpoint
