// Draws the order of an epoch by a seeded Fisher-Yates shuffle.
#include "tasks/training/order.h"

#include <algorithm>
#include <numeric>

#include "kernels/launch/philox.h"

namespace stillpoint {

std::vector<Index> EpochOrder::rows(Index epoch) const {
  std::vector<Index> order(static_cast<std::size_t>(examples));
  std::iota(order.begin(), order.end(), Index(0));
  if (!shuffled) return order;
  // Streams above 2^63 are for the order of the data, those below for parameters.
  const std::uint64_t stream = (std::uint64_t(1) << 63) + std::uint64_t(epoch);
  for (Index i = examples - 1; i > 0; --i) {
    const kernels::Philox4 r = kernels::philox(seed, stream, std::uint64_t(i));
    const Index j = Index(kernels::unit_interval(r.x[0], r.x[1]) * double(i + 1));
    std::swap(order[std::size_t(i)], order[std::size_t(j)]);
  }
  return order;
}

std::vector<Index> EpochOrder::batch(Index step, Index batch_size) const {
  const Index per_epoch = (examples + batch_size - 1) / batch_size;
  const Index epoch = step / per_epoch, first = step % per_epoch * batch_size;
  const Index last = std::min(first + batch_size, examples);
  if (!shuffled) {
    std::vector<Index> in_order(std::size_t(last - first));
    std::iota(in_order.begin(), in_order.end(), first);
    return in_order;
  }
  if (epoch != kept_epoch) {
    kept_rows = rows(epoch);
    kept_epoch = epoch;
  }
  return {kept_rows.begin() + first, kept_rows.begin() + last};
}

}  // namespace stillpoint
