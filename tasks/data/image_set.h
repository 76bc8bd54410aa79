// Labelled images: one byte per channel and pixel, in memory or read when they are needed.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint {

struct ImageSet {
  Index count = 0, channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // (count, channels, height, width); empty if there is `read`
  std::vector<std::int32_t> labels;  // (count), below the number of classes
  // Writes the values (channels, height, width) of one image. Any thread may call it. Throws Error if they
  // cannot be read any more.
  std::function<void(Index image, std::uint8_t* values)> read = {};

  Index image_size() const { return channels * height * width; }
};

}  // namespace stillpoint
