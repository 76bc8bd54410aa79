// Builds the matrices of the transforms in double, and multiplies by them.
#include "solvers/monotone/frequency_grid.h"

#include <cmath>
#include <numbers>

#include "kernels/gemm/gemm_batched.h"
#include "kernels/monotone/frequency_transform.h"

namespace stillpoint {
namespace {

// cos and sin of 2 pi k / n. k is reduced first, so that equal angles have equal values.
double cosine_of(Index k, Index n) {
  return std::cos(2 * std::numbers::pi * double(((k % n) + n) % n) / double(n));
}
double sine_of(Index k, Index n) {
  return std::sin(2 * std::numbers::pi * double(((k % n) + n) % n) / double(n));
}

// The matrix of f(row, column).
template <class F>
Tensor matrix(Index rows, Index columns, TensorOptions options, F f) {
  std::vector<double> values;
  values.reserve(std::size_t(rows * columns));
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < columns; ++c) values.push_back(f(r, c));
  return Tensor::from(values, {rows, columns}, options);
}

}  // namespace

FrequencyGrid::FrequencyGrid(Index n, TensorOptions options) : n_(n) {
  require(n >= 1, "frequency_grid: given images of side ", n, ", expected at least 1");
  const Index half = n / 2 + 1;
  const double scale = 1 / double(n);
  // Rows (p, part) of the transform over y. Its input, the image, is real.
  rows_ = matrix(2 * half, n, options, [&](Index r, Index y) {
    return r % 2 == 0 ? cosine_of(r / 2 * y, n) : -sine_of(r / 2 * y, n);
  });
  // Rows (q, part) and columns (part, x) of the transform over x.
  columns_ = matrix(2 * n, 2 * n, options, [&](Index r, Index c) {
    const Index k = r / 2 * (c % n);
    if (r % 2 == c / n) return cosine_of(k, n);
    return r % 2 == 0 ? sine_of(k, n) : -sine_of(k, n);
  });
  columns_back_ = matrix(2 * n, 2 * n, options, [&](Index r, Index c) {
    const Index k = c / 2 * (r % n);
    const double value = c % 2 == r / n ? cosine_of(k, n) : c % 2 == 0 ? sine_of(k, n) : -sine_of(k, n);
    return scale * value;
  });
  // A frequency that also stands for its conjugate counts twice.
  rows_back_ = matrix(n, 2 * half, options, [&](Index y, Index c) {
    const Index p = c / 2;
    const double weight = p == 0 || 2 * p == n ? scale : 2 * scale;
    return weight * (c % 2 == 0 ? cosine_of(p * y, n) : -sine_of(p * y, n));
  });
  taps_ = matrix(2 * count(), 9, options, [&](Index r, Index tap) {
    const Index f = r / 2, k = f / n * (tap / 3 - 1) + f % n * (tap % 3 - 1);
    return r % 2 == 0 ? cosine_of(k, n) : sine_of(k, n);
  });
}

Tensor FrequencyGrid::forward(const Tensor& z) const {
  require(z.rank() == 3 && z.dim(0) == n_ * n_, "frequency_grid: given shape ", to_text(z.shape()),
          ", expected (", n_ * n_, ", channels, samples), use to_places");
  const Tensor frequencies = Tensor::empty({count(), 2, z.dim(1), z.dim(2)}, z.options());
  if (z.device() == Device::cpu)
    kernels::frequency_transform_cpu(half(), z.array(), frequencies.array());
  else
    forward_by_matrices(z, frequencies);
  return frequencies;
}

Tensor FrequencyGrid::inverse(const Tensor& frequencies) const {
  const Tensor z = Tensor::empty({n_ * n_, frequencies.dim(2), frequencies.dim(3)}, frequencies.options());
  if (z.device() == Device::cpu)
    kernels::inverse_frequency_transform_cpu(half(), frequencies.array(), z.array());
  else
    inverse_by_matrices(frequencies, z);
  return z;
}

void FrequencyGrid::forward_by_matrices(const Tensor& z, const Tensor& frequencies) const {
  const Index rows = n_ / 2 + 1, width = z.dim(1) * z.dim(2), line = 2 * n_ * width;
  const Tensor lines = Tensor::empty({rows, 2, n_, width}, z.options());
  kernels::gemm_batched({1, {.m = 2 * rows, .n = n_ * width, .k = n_}, 0, 0, 0}, rows_.array(), z.array(),
                        lines.array());
  kernels::gemm_batched({rows, {.m = 2 * n_, .n = width, .k = 2 * n_}, 0, line, line}, columns_.array(),
                        lines.array(), frequencies.array());
}

void FrequencyGrid::inverse_by_matrices(const Tensor& frequencies, const Tensor& z) const {
  const Index rows = n_ / 2 + 1, width = z.dim(1) * z.dim(2), line = 2 * n_ * width;
  const Tensor lines = Tensor::empty({rows, 2, n_, width}, z.options());
  kernels::gemm_batched({rows, {.m = 2 * n_, .n = width, .k = 2 * n_}, 0, line, line}, columns_back_.array(),
                        frequencies.array(), lines.array());
  kernels::gemm_batched({1, {.m = n_, .n = n_ * width, .k = 2 * rows}, 0, 0, 0}, rows_back_.array(),
                        lines.array(), z.array());
}

Tensor FrequencyGrid::kernel(const Tensor& w) const {
  require(w.rank() == 4 && w.dim(2) == 3 && w.dim(3) == 3, "frequency_grid: given a kernel of shape ",
          to_text(w.shape()), ", expected (out, in, 3, 3)");
  const Tensor frequencies = Tensor::empty({count(), 2, w.dim(0), w.dim(1)}, w.options());
  kernels::gemm_batched(
      {1, {.m = 2 * count(), .n = w.dim(0) * w.dim(1), .k = 9, .transpose_b = true}, 0, 0, 0}, taps_.array(),
      w.array(), frequencies.array());
  return frequencies;
}

Tensor FrequencyGrid::kernel_adjoint(const Tensor& planes) const {
  const Tensor w = Tensor::empty({planes.dim(2), planes.dim(3), 3, 3}, planes.options());
  kernels::gemm_batched(
      {1, {.m = planes.dim(2) * planes.dim(3), .n = 9, .k = 2 * count(), .transpose_a = true}, 0, 0, 0},
      planes.array(), taps_.array(), w.array());
  return w;
}

namespace {

void multiply(const Tensor& blocks, const Tensor& x, const Tensor& y, bool transposed, bool accumulate) {
  const Index m = y.dim(1) * y.dim(2), k = x.dim(1) * x.dim(2), n = x.dim(3);
  require(blocks.dim(transposed ? 2 : 1) == m && blocks.dim(transposed ? 1 : 2) == k,
          "frequency_product: given blocks ", to_text(blocks.shape()), " and x ", to_text(x.shape()),
          ", expected the inner sizes to agree, check the channels");
  kernels::gemm_batched(
      {blocks.dim(0), {m, n, k, transposed, false, accumulate}, blocks.dim(1) * blocks.dim(2), k * n, m * n},
      blocks.array(), x.array(), y.array());
}

}  // namespace

Tensor frequency_product(const Tensor& blocks, const Tensor& x, FrequencyProduct options) {
  const Index rows = blocks.dim(options.transposed ? 2 : 1) / 2;
  const Tensor y = Tensor::empty({x.dim(0), 2, rows, x.dim(3)}, x.options());
  multiply(blocks, x, y, options.transposed, false);
  return y;
}

void add_frequency_product(const Tensor& blocks, const Tensor& x, const Tensor& y, FrequencyProduct options) {
  multiply(blocks, x, y, options.transposed, true);
}

Tensor frequency_blocks(const Tensor& planes) {
  const Tensor blocks =
      Tensor::empty({planes.dim(0), 2 * planes.dim(2), 2 * planes.dim(3)}, planes.options());
  kernels::real_blocks(planes.dim(2), planes.dim(3), planes.array(), blocks.array());
  return blocks;
}

}  // namespace stillpoint
