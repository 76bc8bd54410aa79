// Reads the orientation tag of EXIF data, and applies its eight meanings.
#include <utility>

#include "kernels/device/error.h"
#include "tasks/io/image_formats.h"

namespace stillpoint::image_formats {
namespace {

constexpr unsigned orientation_tag = 0x0112, type_short = 3;
constexpr std::size_t entry_bytes = 12;

// Reads numbers of a TIFF file in its byte order; they are 0 beyond its end.
struct Tiff {
  std::string_view bytes;
  bool little = bytes.starts_with("II");

  std::uint32_t number(std::size_t at, std::size_t size) const {
    if (at > bytes.size() || bytes.size() - at < size) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | static_cast<unsigned char>(bytes[at + (little ? size - 1 - i : i)]);
    return value;
  }
};

}  // namespace

Orientation read_orientation(std::string_view exif) {
  const Tiff tiff{exif};
  if (exif.empty()) return {};
  if ((!tiff.little && !exif.starts_with("MM")) || tiff.number(2, 2) != 42) return {1, "no TIFF header"};
  const std::size_t first = tiff.number(4, 4), entries = tiff.number(first, 2);
  if (first < 8 || first + 2 > exif.size()) return {1, "its first list lies outside"};
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = first + 2 + i * entry_bytes;
    if (at + entry_bytes > exif.size()) return {1, "its first list is cut off"};
    if (tiff.number(at, 2) != orientation_tag) continue;
    const std::uint32_t type = tiff.number(at + 2, 2), value = tiff.number(at + 8, 2);
    if (type != type_short || tiff.number(at + 4, 4) != 1 || value < 1 || value > 8)
      return {1, text("orientation ", value, " of type ", type)};
    return {int(value), {}};
  }
  return {};
}

Image turned(const Image& image, int orientation) {
  if (orientation == 1) return image;
  const std::int64_t h = image.height, w = image.width;
  const bool across = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image out{across ? w : h, across ? h : w, 3, {}, image.note};
  out.rgb.reserve(image.rgb.size());
  for (std::int64_t y = 0; y < out.height; ++y)
    for (std::int64_t x = 0; x < out.width; ++x) {
      const std::int64_t row = across ? x : y, column = across ? y : x;
      const auto from = image.rgb.begin() +
                        3 * ((from_below ? h - 1 - row : row) * w + (from_right ? w - 1 - column : column));
      out.rgb.insert(out.rgb.end(), from, from + 3);
    }
  return out;
}

}  // namespace stillpoint::image_formats
