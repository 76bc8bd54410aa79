// Compares kernels that follow indices with plain loops, on either device: the embedding's adjoint, arg-max,
// confusion.
#pragma once
#include "kernels/embedding/embedding.h"
#include "kernels/predictions/predictions.h"
#include "tests/support/device_array.h"

namespace stillpoint::kernels {

// Checks the adjoint of n rows whose ids lie in [-1, rows] and returns it. One id in `rare` is drawn, the
// others are 0.
template <class T>
std::vector<T> embedding_gradient(Device device, std::int64_t n, std::int64_t rows, std::int64_t width,
                                  unsigned rare, bool whole_numbers) {
  INFO(n << " ids of " << rows << " x " << width << ", " << name_of(dtype_of<T>()));
  std::mt19937 rng{unsigned(n)};
  std::vector<T> y = random_values<T>(rng, n * width, 8);
  std::vector<std::int32_t> ids;
  std::vector<T> expected(std::size_t(rows * width), T(0));
  for (std::int64_t k = 0; k < n; ++k) {
    const std::int64_t id = rng() % rare == 0 ? std::int64_t(rng() % unsigned(rows + 2)) - 1 : 0;
    ids.push_back(std::int32_t(id));
    for (std::int64_t c = 0; c < width; ++c) {
      T& value = y[std::size_t(k * width + c)];
      if (whole_numbers) value = std::round(value);
      if (id >= 0 && id < rows) expected[std::size_t(id * width + c)] += value;
    }
  }
  const DeviceArray<T> dy(device, y), table(device, unwritten<T>(rows * width));
  const DeviceArray<std::int32_t> dids(device, ids);
  embedding_adjoint(width, dy.array(), dids.array(), table.array());
  const std::vector<T> found = table.host();
  // Sums of whole numbers are exact in any order; on a CPU the order is that of the positions.
  if (whole_numbers || device == Device::cpu) CHECK(found == expected);
  return found;
}

template <class T>
void check_argmax(Device device, std::int64_t rows, std::int64_t columns) {
  INFO(rows << " x " << columns << ", " << name_of(dtype_of<T>()));
  std::mt19937 rng{unsigned(rows)};
  std::vector<T> x = random_values<T>(rng, rows * columns);
  const T infinity = std::numeric_limits<T>::infinity();
  for (T& value : x) {
    const unsigned kind = rng() % 64;
    value = kind == 0  ? std::numeric_limits<T>::quiet_NaN()
            : kind < 3 ? infinity
            : kind < 5 ? -infinity
                       : std::round(value);
  }
  std::vector<std::int32_t> expected;
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto value = [&](std::int64_t c) {
      const T v = x[std::size_t(r * columns + c)];
      return std::isnan(v) ? infinity : v;
    };
    std::int64_t best = 0;
    for (std::int64_t c = 1; c < columns; ++c)
      if (value(c) > value(best)) best = c;
    expected.push_back(std::int32_t(best));
  }
  const DeviceArray<T> dx(device, x);
  const DeviceArray<std::int32_t> ids(device, std::vector<std::int32_t>(std::size_t(rows), -7));
  argmax(columns, dx.array(), ids.array());
  CHECK(ids.host() == expected);
}

inline void check_confusion(Device device) {
  const DeviceArray<std::int32_t> labels(device, {0, 1, 2, 1, 1, -1, 0, 3}),
      predicted(device, {0, 1, 0, 1, 2, 0, 3, 1});
  const DeviceArray<std::int32_t> counts(device, std::vector<std::int32_t>(9, 77));
  confusion(3, labels.array(), predicted.array(), counts.array());
  CHECK(counts.host() == std::vector<std::int32_t>{1, 0, 0, 0, 2, 1, 1, 0, 0});
  const DeviceArray<std::int32_t> many(device, std::vector<std::int32_t>(1000, 1));
  confusion(3, many.array(), many.array(), counts.array());
  CHECK(counts.host() == std::vector<std::int32_t>{0, 0, 0, 0, 1000, 0, 0, 0, 0});
}

}  // namespace stillpoint::kernels
