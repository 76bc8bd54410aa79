// Reads PNG and JPEG files into 8-bit RGB, writes PNG, and puts two pictures side by side.
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
  std::string note = {};               // read_image explains here if the pixels differ from the stored ones
};

struct Colour {
  std::array<std::uint8_t, 3> rgb = {255, 255, 255};
  std::string name = "white";
};
// Accepts white, black, grey and #RRGGBB. Throws Error for any other name.
Colour colour_named(const std::string& name);

// Decodes a PNG or JPEG, recognised by its first bytes and not by its name, to the picture that a viewer
// shows. It obeys the EXIF orientation, and blends transparent pixels with the background (a weighted mean of
// the stored values, as in browsers). PNG: grey and palette become RGB, 16 bits are rounded to 8. JPEG: grey
// becomes RGB, and so does CMYK by (1 - ink)(1 - black). Gamma and colour profiles are ignored. Memory grows
// with the decoded part. Throws Error, with the file's name, if the file is missing, of another kind,
// truncated or corrupt, has more than 2^28 pixels, or claims more pixels than its bytes can hold.
Image read_image(const std::filesystem::path& path, const Colour& background = {});

// Throws Error, beginning with `where`, unless the image has 3 channels, 1 to 2^28 pixels and a byte for each
// value.
void check_image(const char* where, const Image& image);

// Returns the bytes of a PNG file. Throws Error unless check_image accepts the image.
std::string encode_png(const Image& image);

// Writes the file atomically. Throws Error if encode_png or write_atomically does.
void write_png(const std::filesystem::path& path, const Image& image);

// Returns a, `gap` white columns and b, from left to right. The shorter picture gets white rows below.
Image side_by_side(const Image& a, const Image& b, int gap);

}  // namespace stillpoint
