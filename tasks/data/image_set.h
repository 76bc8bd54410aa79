// Labelled images as their files hold them: one byte per channel and pixel.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint {

struct ImageSet {
  Index count = 0, channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // (count, channels, height, width)
  std::vector<std::int32_t> labels;  // (count), 0..9

  Index image_size() const { return channels * height * width; }
};

}  // namespace stillpoint
