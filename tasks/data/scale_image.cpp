// Computes area averages, which are separable: along rows, then along columns.
#include "tasks/data/scale_image.h"

#include <algorithm>
#include <cmath>

namespace stillpoint {
namespace {

// Returns the means of values (n) over `size` intervals of equal length.
std::vector<double> means(const std::vector<double>& values, Index size) {
  std::vector<double> out(static_cast<std::size_t>(size), 0.0);
  const double length = double(values.size()) / double(size);
  for (Index i = 0; i < size; ++i) {
    const double from = double(i) * length, to = from + length;
    for (Index k = Index(from); k < Index(values.size()) && double(k) < to; ++k)
      out[std::size_t(i)] +=
          values[std::size_t(k)] * (std::min(to, double(k + 1)) - std::max(from, double(k))) / length;
  }
  return out;
}

// Scales a plane (height,width) of the picture to (rows,columns).
std::vector<double> scaled_plane(const std::vector<double>& plane, Index width, Index rows, Index columns) {
  const Index height = Index(plane.size()) / width;
  std::vector<std::vector<double>> narrow;
  for (Index i = 0; i < height; ++i)
    narrow.push_back(means({plane.begin() + i * width, plane.begin() + (i + 1) * width}, columns));
  std::vector<double> out(std::size_t(rows * columns));
  for (Index j = 0; j < columns; ++j) {
    std::vector<double> column;
    for (const auto& row : narrow) column.push_back(row[std::size_t(j)]);
    const std::vector<double> scaled = means(column, rows);
    for (Index i = 0; i < rows; ++i) out[std::size_t(i * columns + j)] = scaled[std::size_t(i)];
  }
  return out;
}

std::uint8_t byte_of(double value) { return std::uint8_t(std::lround(std::clamp(value, 0.0, 255.0))); }

std::vector<double> plane_of(const Image& picture, Index channel) {
  std::vector<double> plane;
  for (std::size_t i = std::size_t(channel); i < picture.rgb.size(); i += 3) plane.push_back(picture.rgb[i]);
  return plane;
}

}  // namespace

Image averaged(const Image& picture, std::int64_t height, std::int64_t width) {
  Image out{height, width, 3, std::vector<std::uint8_t>(std::size_t(height * width * 3))};
  for (Index c = 0; c < 3; ++c) {
    const std::vector<double> plane = scaled_plane(plane_of(picture, c), picture.width, height, width);
    for (std::size_t i = 0; i < plane.size(); ++i) out.rgb[3 * i + std::size_t(c)] = byte_of(plane[i]);
  }
  return out;
}

ImageSet scaled_to(const Image& picture, const DatasetInfo& info, bool inverted) {
  constexpr double luma[3] = {0.299, 0.587, 0.114};
  ImageSet set{1, info.channels, info.height, info.width, {}, {0}};
  for (Index c = 0; c < info.channels; ++c) {
    std::vector<double> plane = plane_of(picture, c);
    if (info.channels == 1)
      for (std::size_t i = 0; i < plane.size(); ++i) {
        const std::uint8_t* const pixel = &picture.rgb[3 * i];
        plane[i] = luma[0] * pixel[0] + luma[1] * pixel[1] + luma[2] * pixel[2];
      }
    for (double value : scaled_plane(plane, picture.width, info.height, info.width))
      set.pixels.push_back(inverted ? std::uint8_t(255 - byte_of(value)) : byte_of(value));
  }
  return set;
}

}  // namespace stillpoint
