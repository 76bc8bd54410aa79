// Reading PNG and JPEG files into 8-bit RGB, writing PNG, and putting two pictures side by side.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stillpoint {

struct Image {
  std::int64_t height = 0, width = 0, channels = 3;
  std::vector<std::uint8_t> rgb = {};  // [height, width, channels], row-major, red first
};

// Decodes a PNG or JPEG, recognised by its first bytes and not by its name.
// PNG: grey and palette become RGB, 16 bits are rounded to 8, alpha is dropped without compositing, gamma and
// colour profiles are ignored. JPEG: grey becomes RGB, CMYK is an Error, the EXIF orientation is ignored.
// Throws Error naming the file if it is missing, of another kind, truncated, corrupt, or above 2^28 pixels.
Image read_image(const std::filesystem::path& path);

// The bytes of a PNG file. Throws Error unless the image has 3 channels, a positive size and matching pixels.
std::string encode_png(const Image& image);

// Writes atomically; throws Error as encode_png and write_atomically do.
void write_png(const std::filesystem::path& path, const Image& image);

// a, then `gap` white columns, then b; the shorter one is filled up with white below.
Image side_by_side(const Image& a, const Image& b, int gap);

}  // namespace stillpoint
