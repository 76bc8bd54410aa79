// The decoders that read_image uses, and the parts that they share.
#pragma once
#include <string>
#include <string_view>

#include "tasks/io/image.h"

namespace stillpoint::image_formats {

inline constexpr std::int64_t most_pixels = std::int64_t{1} << 28;

// A picture that grows by rows: memory grows with the decoded part, up to the size that the file claims.
struct Decoded {
  Image image;               // 3 channels
  bool transparent = false;  // partly or wholly
  std::string exif = {};     // from the TIFF header on; empty if the file has no EXIF data

  // Appends a row of `image.width` pixels (red, green, blue, alpha), and blends it with the background.
  void add_row(const std::uint8_t* rgba, const Colour& background);
};

// Returns an image without rows yet. Throws Error unless it will have 1 to 2^28 pixels.
Decoded start(const std::filesystem::path& path, std::int64_t height, std::int64_t width);

[[noreturn]] void refuse(const std::filesystem::path& path, const char* kind, std::size_t size,
                         const char* problem);

Decoded decode_png(const std::filesystem::path& path, std::string_view bytes, const Colour& background);
Decoded decode_jpeg(const std::filesystem::path& path, std::string_view bytes);

// The orientation that EXIF data give: 1 (as stored) to 8, see turned().
struct Orientation {
  int value = 1;
  std::string problem = {};  // set if the data are damaged; the value is then 1
};
Orientation read_orientation(std::string_view exif);
// 2: mirrored, 3: turned by 180 degrees, 4: upside down, 5: transposed, 6: turned clockwise by 90 degrees,
// 7: transposed along the other diagonal, 8: turned counter-clockwise by 90 degrees.
Image turned(const Image& image, int orientation);

}  // namespace stillpoint::image_formats
