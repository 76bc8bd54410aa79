// Gradients summed over ranks while the backward pass still goes on.
#pragma once
#include <vector>

#include "engine/tensor.h"
#include "kernels/group/shared_batch.h"

namespace stillpoint {

// One flat buffer, cut into buckets. A gradient is copied into its place as soon as it is complete; a
// bucket's sum over ranks starts when its last gradient has come. The places follow the order in which the
// first pass completes the gradients, so that buckets fill one after the other.
class GradientBuckets {
 public:
  // docs/results.md has the measurement.
  static constexpr Index default_bytes = 128 << 10;

  GradientBuckets(kernels::Communicator& group, std::vector<Tensor> params,
                  Index bucket_bytes = default_bytes);

  // Sums over ranks of weight times the gradient of each rank's loss, in the order of the parameters; valid
  // until the next call. On a GPU they are queued, and a graph may record them from the second call on.
  const std::vector<Array>& gradients(const Tensor& loss, double weight);
  Index buckets() const { return Index(buckets_.size()); }

 private:
  struct Bucket {
    Array all;
    Index params = 0;   // that it holds
    Index missing = 0;  // of them, in this pass
  };
  // Rank 0's order, for all.
  void lay_out(std::vector<std::size_t> order);
  void put(std::size_t param, const Tensor& gradient, double weight);

  kernels::Communicator& group_;
  std::vector<Tensor> params_;
  Index bucket_bytes_;
  Tensor flat_;
  std::vector<Array> places_;           // by parameter
  std::vector<std::size_t> bucket_of_;  // by parameter
  std::vector<Bucket> buckets_;
  std::size_t started_ = 0;  // buckets whose sum has started in this pass
};

}  // namespace stillpoint
