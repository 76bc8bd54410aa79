// Batches of normalised, optionally augmented images. Each is a function of seed and step, and is prepared
// one step ahead.
#pragma once
#include <memory>
#include <vector>

#include "engine/tensor.h"
#include "tasks/data/dataset.h"

namespace stillpoint {

// The random flip and crop of one image in one epoch, drawn from (seed, epoch, image). The flip has p = 1/2.
// The crop is a window of the image's size from the image with `padding` black pixels around it.
struct Augmentation {
  static constexpr Index padding = 4;
  bool flip;
  Index row, column;  // the window's corner in the padded image, 0..2 padding
  static Augmentation draw(std::uint64_t seed, Index epoch, Index image);
  static Augmentation none() { return {false, padding, padding}; }
};

class ImageBatches {
 public:
  struct Options {
    std::uint64_t seed = 0;
    Index batch_size = 128;
    bool shuffled = true;    // false: the rows keep the given order in every epoch
    bool augmented = false;  // flips and crops; the border is black before normalisation
    bool prefetched = true;  // a thread prepares step + 1 while the caller works on step
  };
  // Makes batches of the images in `rows` of `set`, which outlives this. Throws Error if a row is outside it.
  ImageBatches(const ImageSet& set, std::vector<Index> rows, const DatasetInfo& info, Options options);
  ~ImageBatches();
  ImageBatches(const ImageBatches&) = delete;
  ImageBatches& operator=(const ImageBatches&) = delete;

  Index images() const;
  Index steps_per_epoch() const;
  // Returns {x float32 (n,channels,height,width), labels int32 (n)} on the CPU, with x = (pixel / 255 - mean)
  // / deviation. `step` counts from 0 over all epochs; the last batch of an epoch may be smaller. The values
  // depend neither on earlier calls nor on prefetching. Only one thread may call this. It rethrows what the
  // preparing thread threw.
  std::vector<Tensor> batch(Index step) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stillpoint
