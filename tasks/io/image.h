// Reading PNG and JPEG files into 8-bit RGB, writing PNG, and putting two pictures side by side.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stillpoint {

struct Image {
  std::int64_t height = 0, width = 0, channels = 3;
  std::vector<std::uint8_t> rgb = {};  // [height, width, channels], row-major, red first
  std::string note = {};               // by read_image: where what is shown is not simply what is stored
};

struct Colour {
  std::array<std::uint8_t, 3> rgb = {255, 255, 255};
  std::string name = "white";
};
// white, black, grey or #RRGGBB; Error for another name.
Colour colour_named(const std::string& name);

// Decodes a PNG or JPEG, recognised by its first bytes and not by its name, as its file says that it is to be
// shown: the EXIF orientation is obeyed, and what is transparent is laid on the background (a weighted mean
// of the stored values, as browsers do it). PNG: grey and palette become RGB, 16 bits are rounded to 8. JPEG:
// grey becomes RGB, and so does CMYK by (1 - ink)(1 - black). Gamma and colour profiles are ignored. Memory
// grows with what was decoded. Throws Error naming the file if it is missing, of another kind, truncated,
// corrupt, or above 2^28 pixels, or if it claims more pixels than its bytes can hold.
Image read_image(const std::filesystem::path& path, const Colour& background = {});

// Throws Error, beginning with `where`, unless the image has 3 channels, 1 to 2^28 pixels and a byte for each
// value.
void check_image(const char* where, const Image& image);

// The bytes of a PNG file. Throws Error unless the image has 3 channels, a positive size and matching pixels.
std::string encode_png(const Image& image);

// Writes atomically; throws Error as encode_png and write_atomically do.
void write_png(const std::filesystem::path& path, const Image& image);

// a, then `gap` white columns, then b; the shorter one is filled up with white below.
Image side_by_side(const Image& a, const Image& b, int gap);

}  // namespace stillpoint
