// Batches of normalised, optionally augmented images: each a function of seed and step, prepared one step
// ahead.
#pragma once
#include <memory>
#include <vector>

#include "engine/tensor.h"
#include "tasks/data/dataset.h"

namespace stillpoint {

// Random flip and crop of one image in one epoch, as drawn by (seed, epoch, image): p = 1/2 for the flip,
// then a window of the image's own size out of the image with `padding` black pixels around it.
struct Augmentation {
  static constexpr Index padding = 4;
  bool flip;
  Index row, column;  // of the window's corner in the padded image, 0..2 padding
  static Augmentation draw(std::uint64_t seed, Index epoch, Index image);
  static Augmentation none() { return {false, padding, padding}; }
};

class ImageBatches {
 public:
  struct Options {
    std::uint64_t seed = 0;
    Index batch_size = 128;
    bool shuffled = true;    // false: the rows in the order given, in every epoch
    bool augmented = false;  // flips and crops, black before normalisation
    bool prefetched = true;  // a thread prepares step + 1 while the caller works on step
  };
  // Of the images in `rows` of `set`, which outlives this. Error for a row outside it.
  ImageBatches(const ImageSet& set, std::vector<Index> rows, const DatasetInfo& info, Options options);
  ~ImageBatches();
  ImageBatches(const ImageBatches&) = delete;
  ImageBatches& operator=(const ImageBatches&) = delete;

  Index images() const;
  Index steps_per_epoch() const;
  // {x float32 (n,channels,height,width), labels int32 (n)} on the CPU, with x = (pixel / 255 - mean) /
  // deviation; step counts from 0 over all epochs. The last batch of an epoch may be smaller. The same
  // tensors' values whatever was asked before and whether prefetched or not; to be called from one thread.
  // What the preparing thread threw is thrown here.
  std::vector<Tensor> batch(Index step) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stillpoint
