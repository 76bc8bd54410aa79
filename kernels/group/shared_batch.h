// A batch whose samples are spread over ranks, for the work that has to know it.
#pragma once
#include "kernels/group/communicator.h"

namespace stillpoint::kernels {

// Rank r holds the samples [r n / N, (r + 1) n / N) of n. A rank without samples computes the first sample,
// so that it joins every sum, but its weight is 0.
struct BatchShare {
  Communicator* group = nullptr;
  Index samples = 0;  // n, of all ranks

  Index first(Index rank) const { return rank * samples / group->size(); }
  Index count(Index rank) const { return first(rank + 1) - first(rank); }
  Index count() const { return count(group->rank()); }
  // Returns the weight of this rank's mean in the mean over all samples.
  double weight() const { return double(count()) / double(samples); }
};

// While one lives on this thread, statistics over the samples of a batch (moments of batch normalisation,
// norms of a splitting) include all ranks' samples.
class SharedBatch {
 public:
  explicit SharedBatch(const BatchShare& share);
  ~SharedBatch();
  SharedBatch(const SharedBatch&) = delete;
  SharedBatch& operator=(const SharedBatch&) = delete;
  // Returns null if the batch belongs only to this process.
  static const BatchShare* current();

 private:
  BatchShare share_;
  const BatchShare* before_;
};

}  // namespace stillpoint::kernels
