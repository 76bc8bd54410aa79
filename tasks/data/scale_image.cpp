// Computes area averages, which are separable: along rows, then along columns.
#include "tasks/data/scale_image.h"

#include <algorithm>
#include <cmath>

namespace stillpoint {
namespace {

// Returns the means of values (n) over `size` intervals of equal length.
std::vector<double> averaged(const std::vector<double>& values, Index size) {
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
    narrow.push_back(averaged({plane.begin() + i * width, plane.begin() + (i + 1) * width}, columns));
  std::vector<double> out(std::size_t(rows * columns));
  for (Index j = 0; j < columns; ++j) {
    std::vector<double> column;
    for (const auto& row : narrow) column.push_back(row[std::size_t(j)]);
    const std::vector<double> scaled = averaged(column, rows);
    for (Index i = 0; i < rows; ++i) out[std::size_t(i * columns + j)] = scaled[std::size_t(i)];
  }
  return out;
}

}  // namespace

ImageSet scaled_to(const Image& picture, const DatasetInfo& info, bool inverted) {
  constexpr double luma[3] = {0.299, 0.587, 0.114};
  ImageSet set{1, info.channels, info.height, info.width, {}, {0}};
  for (Index c = 0; c < info.channels; ++c) {
    std::vector<double> plane;
    for (std::size_t i = 0; i < picture.rgb.size(); i += 3) {
      const std::uint8_t* const pixel = &picture.rgb[i];
      plane.push_back(info.channels == 1 ? luma[0] * pixel[0] + luma[1] * pixel[1] + luma[2] * pixel[2]
                                         : pixel[c]);
    }
    for (double value : scaled_plane(plane, picture.width, info.height, info.width)) {
      const long byte = std::lround(std::clamp(value, 0.0, 255.0));
      set.pixels.push_back(std::uint8_t(inverted ? 255 - byte : byte));
    }
  }
  return set;
}

}  // namespace stillpoint
