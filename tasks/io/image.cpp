// The steps that pictures of every format share: growing row by row, transparency, orientation and notes.
#include "tasks/io/image.h"

#include <algorithm>
#include <charconv>

#include "engine/io/file_kind.h"
#include "engine/io/files.h"
#include "engine/words.h"
#include "kernels/device/error.h"
#include "tasks/io/image_formats.h"

namespace stillpoint {
namespace image_formats {

void Decoded::add_row(const std::uint8_t* rgba, const Colour& background) {
  std::vector<std::uint8_t>& rgb = image.rgb;
  const auto whole = std::size_t(image.height * image.width * 3), row = std::size_t(image.width * 3);
  if (rgb.capacity() - rgb.size() < row)
    rgb.reserve(std::min(whole, std::max({2 * rgb.size(), row, std::size_t{1} << 16})));
  for (const std::uint8_t* const end = rgba + 4 * image.width; rgba < end; rgba += 4) {
    const unsigned alpha = rgba[3];
    transparent = transparent || alpha < 255;
    for (std::size_t c = 0; c < 3; ++c)
      rgb.push_back(std::uint8_t((alpha * rgba[c] + (255 - alpha) * background.rgb[c] + 127) / 255));
  }
}

Decoded start(const std::filesystem::path& path, std::int64_t height, std::int64_t width) {
  require(height > 0 && width > 0 && height <= most_pixels / width, "read_image: '", path.string(), "' is ",
          height, " x ", width,
          " pixels, expected 1 to 2^28 pixels; scale it down or check that it is not corrupt");
  return {.image = {.height = height, .width = width}};
}

void refuse(const std::filesystem::path& path, const char* kind, std::size_t size, const char* problem) {
  fail("read_image: '", path.string(), "' (", size, " bytes) is a ", kind, " that is truncated or corrupt (",
       problem, "); copy or download it again");
}

}  // namespace image_formats

namespace {

namespace fs = std::filesystem;

bool is_one_colour(const Image& image) {
  return std::equal(image.rgb.begin() + 3, image.rgb.end(), image.rgb.begin());
}

void add_note(Image& image, const std::string& note) {
  image.note += (image.note.empty() ? "" : "; ") + note;
}

}  // namespace

void check_image(const char* where, const Image& image) {
  const bool sized =
      image.height > 0 && image.width > 0 && image.height <= image_formats::most_pixels / image.width;
  require(sized && image.channels == 3 &&
              image.rgb.size() == static_cast<std::size_t>(image.height * image.width * image.channels),
          where, ": the image is ", image.height, " x ", image.width, " x ", image.channels, " with ",
          image.rgb.size(),
          " bytes, expected height x width x 3 bytes and 1 to 2^28 pixels; fill in all of it");
}

Colour colour_named(const std::string& name) {
  if (name == "white") return {{255, 255, 255}, name};
  if (name == "black") return {{0, 0, 0}, name};
  if (name == "grey" || name == "gray") return {{128, 128, 128}, name};
  unsigned number = 0;
  const char *const first = name.data() + 1, *const last = name.data() + name.size();
  const bool good =
      name.size() == 7 && name[0] == '#' && std::from_chars(first, last, number, 16).ptr == last;
  require(good, "background: given '", shown(name, 40),
          "', expected white, black, grey or #RRGGBB in hexadecimal, name a colour");
  return {{std::uint8_t(number >> 16), std::uint8_t(number >> 8), std::uint8_t(number)}, name};
}

Image read_image(const fs::path& path, const Colour& background) {
  const std::string bytes = read_file(path);
  const std::string_view view = bytes;
  image_formats::Decoded decoded;
  if (view.starts_with("\x89PNG\r\n\x1a\n")) {
    decoded = image_formats::decode_png(path, view, background);
  } else if (view.starts_with("\xff\xd8\xff")) {
    decoded = image_formats::decode_jpeg(path, view);
  } else {
    refuse_other_kind("read_image", path, view, "a PNG or JPEG picture");
    fail("read_image: '", path.string(), "' (", bytes.size(),
         " bytes) does not begin like an image, expected PNG or JPEG; convert it to one of them");
  }
  Image& image = decoded.image;
  const image_formats::Orientation shown = image_formats::read_orientation(decoded.exif);
  if (decoded.transparent)
    add_note(image,
             text("transparent in part, laid on ", background.name,
                  is_one_colour(image) ? ", where all of it looks alike: choose another background" : ""));
  if (shown.value != 1) add_note(image, text("turned as its EXIF orientation ", shown.value, " says"));
  if (!shown.problem.empty())
    add_note(image, text("shown as it is stored, since its EXIF data are damaged (", shown.problem, ")"));
  return shown.value == 1 ? std::move(image) : image_formats::turned(image, shown.value);
}

void write_png(const fs::path& path, const Image& image) { write_atomically(path, encode_png(image)); }

Image side_by_side(const Image& a, const Image& b, int gap) {
  check_image("side_by_side", a);
  check_image("side_by_side", b);
  require(gap >= 0, "side_by_side: the gap is ", gap, ", expected 0 or more columns; pass a larger one");
  Image out{std::max(a.height, b.height), a.width + gap + b.width, 3, {}};
  out.rgb.assign(static_cast<std::size_t>(out.height * out.width * 3), 255);
  const auto paste = [&out](const Image& in, std::int64_t left) {
    for (std::int64_t y = 0; y < in.height; ++y) {
      std::copy_n(in.rgb.begin() + y * in.width * 3, in.width * 3,
                  out.rgb.begin() + (y * out.width + left) * 3);
    }
  };
  paste(a, 0);
  paste(b, a.width + gap);
  return out;
}

}  // namespace stillpoint
