// Computes area averages, which are separable: along rows, then along columns.
#include "tasks/data/scale_image.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace stillpoint {
namespace {

// Adds the place k of n, which has `step` values, to the means (size,step) over `size` intervals of equal
// length.
void add_place(Index k, Index n, const double* values, Index size, Index step, double* means) {
  const double length = double(n) / double(size);
  for (Index i = std::max<Index>(0, Index(double(k) / length) - 1); i < size; ++i) {
    const double from = double(i) * length, to = from + length;
    if (from >= double(k + 1)) return;
    const double share = std::min(to, double(k + 1)) - std::max(from, double(k));
    if (share <= 0) continue;
    for (Index c = 0; c < step; ++c) means[i * step + c] += values[c] * share / length;
  }
}

double luma(const std::uint8_t* pixel) { return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]; }

// Scales a picture to (rows,columns,channels).
std::vector<double> scaled(const Image& picture, Index rows, Index columns, Index channels) {
  std::vector<double> out(std::size_t(rows * columns * channels), 0.0), narrow;
  std::array<double, 3> pixel{};
  const std::uint8_t* at = picture.rgb.data();
  for (Index y = 0; y < picture.height; ++y) {
    narrow.assign(std::size_t(columns * channels), 0.0);
    for (Index x = 0; x < picture.width; ++x, at += 3) {
      if (channels == 1)
        pixel[0] = luma(at);
      else
        std::copy_n(at, 3, pixel.begin());
      add_place(x, picture.width, pixel.data(), columns, channels, narrow.data());
    }
    add_place(y, picture.height, narrow.data(), rows, columns * channels, out.data());
  }
  return out;
}

std::uint8_t byte_of(double value) { return std::uint8_t(std::lround(std::clamp(value, 0.0, 255.0))); }

// Returns the part of `height` x `width` pixels in the middle.
Image middle_of(const Image& picture, Index height, Index width) {
  Image out{height, width, 3, {}};
  out.rgb.reserve(std::size_t(height * width * 3));
  const Index top = (picture.height - height) / 2, left = (picture.width - width) / 2;
  for (Index y = 0; y < height; ++y) {
    const auto row = picture.rgb.begin() + ((top + y) * picture.width + left) * 3;
    out.rgb.insert(out.rgb.end(), row, row + width * 3);
  }
  return out;
}

}  // namespace

Image averaged(const Image& picture, std::int64_t height, std::int64_t width) {
  Image out{height, width, 3, {}};
  for (const double value : scaled(picture, height, width, 3)) out.rgb.push_back(byte_of(value));
  return out;
}

Image fitted(Image picture, std::int64_t height, std::int64_t width) {
  if (picture.height == height && picture.width == width) return picture;
  const Index h = picture.height, w = picture.width;
  // h x w has the wider or the higher shape: w / h against width / height.
  const bool wider = w * height > h * width;
  const Index new_h = wider ? h : std::max<Index>(1, (w * height + width / 2) / width);
  const Index new_w = wider ? std::max<Index>(1, (h * width + height / 2) / height) : w;
  if (new_h != h || new_w != w) picture = middle_of(picture, std::min(h, new_h), std::min(w, new_w));
  return averaged(picture, height, width);
}

std::uint8_t grey_of(const std::uint8_t* rgb) { return byte_of(luma(rgb)); }

std::vector<std::uint8_t> planes_of(const Image& picture, Index channels) {
  const std::size_t plane = picture.rgb.size() / 3;
  std::vector<std::uint8_t> out(plane * std::size_t(channels));
  for (std::size_t i = 0; i < plane; ++i) {
    const std::uint8_t* const pixel = &picture.rgb[3 * i];
    if (channels == 1)
      out[i] = grey_of(pixel);
    else
      for (std::size_t c = 0; c < 3; ++c) out[c * plane + i] = pixel[c];
  }
  return out;
}

ImageSet scaled_to(const Image& picture, const DatasetInfo& info, bool inverted) {
  ImageSet set{1, info.channels, info.height, info.width, {}, {0}};
  if (info.cropped) {
    set.pixels = planes_of(fitted(picture, info.height, info.width), info.channels);
  } else {
    const std::vector<double> values = scaled(picture, info.height, info.width, info.channels);
    const std::size_t channels = std::size_t(info.channels);
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t i = c; i < values.size(); i += channels) set.pixels.push_back(byte_of(values[i]));
  }
  if (inverted)
    for (std::uint8_t& value : set.pixels) value = std::uint8_t(255 - value);
  return set;
}

}  // namespace stillpoint
