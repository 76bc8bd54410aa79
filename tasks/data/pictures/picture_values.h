// The values of settings about pictures as text, and the mean and deviation of bytes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint {

struct PictureSize {
  Index height = 0, width = 0;
};
// "32x48" -> 32 rows of 48 pixels, "32" -> 32 x 32; height 0 if the text is empty. Throws Error for other
// text.
PictureSize parse_size(const std::string& text);

// "0.49,0.48,0.45" -> three numbers; none if the text is empty. Throws Error for another count, for text that
// is no number, and for a deviation that is not positive.
std::vector<double> parse_numbers(const char* setting, const std::string& text, Index count);
std::string written_numbers(const std::vector<double>& values);

// "cat/dog" -> two names. Throws Error if one is empty or there are equal ones.
std::vector<std::string> parse_classes(const std::string& text);
std::string written_classes(const std::vector<std::string>& classes);

// Sums bytes exactly.
class PictureMoments {
 public:
  void add(const std::uint8_t* bytes, std::size_t count);
  // Return those of bytes / 255, rounded to six decimals, so that a setting can hold them.
  double mean() const;
  double deviation() const;

 private:
  std::uint64_t count_ = 0, sum_ = 0, squares_ = 0;
};

}  // namespace stillpoint
