// The data on which the benchmark runs every model of a family, at any size.
#pragma once
#include "models/model_family.h"
#include "tasks/bench/workload.h"

namespace stillpoint::bench {

struct Problem {
  std::string name;  // copy-memory
  const ModelFamily* models;
  Sizes usual;                                // batch and length of a training step
  Index evaluation_batch, evaluation_solves;  // examples of an evaluation, and those of a model that solves
  // Both take complete sizes.
  std::function<ModelShape(const Sizes&)> shape;
  std::function<std::pair<Tensor, Tensor>(const Sizes&, bool tokens, Device)> data;  // x and y
  Tensor (*judge)(const Tensor& output, const Tensor& y);                            // the loss
};
const std::vector<Problem>& problems();

struct ImageSet {
  std::string name;
  Index colours, side;
  Tensor images(const Sizes& sizes, Device device) const;  // normal noise
};
const std::vector<ImageSet>& image_sets();

}  // namespace stillpoint::bench
