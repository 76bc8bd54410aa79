// The image data sets' sizes, and the channels of the paper's models for them.
#pragma once
#include "models/mondeq.h"
#include "tasks/bench/workload.h"

namespace stillpoint::bench {

struct ImageSet {
  std::string name;
  Index colours, side, single, two, mondeq;  // channels of SIMs and of a monDEQ
  std::string tiers;                         // of a monDEQ

  Tensor images(const Sizes& sizes, Device device) const;  // normal noise
};
const std::vector<ImageSet>& image_sets();

// A monDEQ that solves as the sizes say.
MonDeqConfig mondeq_config(const std::string& channels, const Sizes& sizes);
std::shared_ptr<ConvMonDeq> mondeq_model(const ImageSet& set, const MonDeqConfig& config, const Sizes& sizes,
                                         Device device);

}  // namespace stillpoint::bench
