// The order in which an epoch visits its examples, a pure function of seed and step.
#pragma once
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

struct EpochOrder {
  std::uint64_t seed = 0;
  Index examples = 0;
  bool shuffled = false;

  // Returns all rows of one epoch.
  std::vector<Index> rows(Index epoch) const;
  // Returns the rows of the batch of this step (from 0); the last batch of an epoch may be smaller.
  std::vector<Index> batch(Index step, Index batch_size) const;

  // Cache the order of the epoch that batch() asked for last, because drawing one takes time in proportion to
  // the number of examples.
  mutable Index kept_epoch = -1;
  mutable std::vector<Index> kept_rows = {};
};

}  // namespace stillpoint
