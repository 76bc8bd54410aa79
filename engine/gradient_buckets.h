// Gradients that are summed over ranks while the backward pass still goes on.
#pragma once
#include <vector>

#include "engine/tensor.h"
#include "kernels/group/shared_batch.h"

namespace stillpoint {

// One flat buffer is cut into buckets. A gradient is copied to its place as soon as it is complete; a
// bucket's sum over ranks starts when its last gradient has come. The places follow the order in which the
// first pass completes the gradients, so that buckets fill one after the other.
class GradientBuckets {
 public:
  // docs/results.md has the measurement.
  static constexpr Index default_bytes = 128 << 10;

  GradientBuckets(kernels::Communicator& group, std::vector<Tensor> params,
                  Index bucket_bytes = default_bytes);

  // Returns the sums over ranks of weight times the gradient of each rank's loss, in the order of the
  // parameters; valid until the next call. On a GPU they are queued, and a graph may record them after the
  // first call.
  const std::vector<Array>& gradients(const Tensor& loss, double weight);
  Index buckets() const { return Index(buckets_.size()); }

 private:
  struct Bucket {
    Array all;
    Index params = 0;   // how many it holds
    Index missing = 0;  // how many have not come in this pass
  };
  // Lays out the buckets in rank 0's order, for all ranks.
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
