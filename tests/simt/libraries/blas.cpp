// Loads, rounds and multiplies column-major matrices.
#include "libraries/blas.h"

#include <bit>
#include <type_traits>

#include "checks/shadow.h"
#include "cuda_bf16.h"
#include "report/profile.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

// Rounds to 10 bits of mantissa, to nearest with ties away from zero.
float round_tf32(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return x;
  return std::bit_cast<float>((bits + 0x1000u) & ~0x1fffu);
}

template <class T>
T rounded(T x, Rounding rounding) {
  if (rounding == Rounding::tf32) return T(round_tf32(float(x)));
  if (rounding == Rounding::bf16) return T(float(__nv_bfloat16(float(x))));
  return x;
}

}  // namespace

std::size_t Matrix::span() const {
  return rows == 0 || cols == 0 ? 0 : std::size_t((cols - 1) * ld + rows) * size_of(type);
}

std::size_t size_of(cudaDataType type) { return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2; }

double load(const void* data, cudaDataType type, std::int64_t index) {
  if (type == CUDA_R_64F) return static_cast<const double*>(data)[index];
  if (type == CUDA_R_32F) return double(static_cast<const float*>(data)[index]);
  return double(float(static_cast<const __nv_bfloat16*>(data)[index]));
}

void store(void* data, cudaDataType type, std::int64_t index, double value) {
  if (type == CUDA_R_64F)
    static_cast<double*>(data)[index] = value;
  else if (type == CUDA_R_32F)
    static_cast<float*>(data)[index] = float(value);
  else
    static_cast<__nv_bfloat16*>(data)[index] = float(value);
}

const void* offset(const void* data, cudaDataType type, std::int64_t elements) {
  return static_cast<const char*>(data) + elements * std::int64_t(size_of(type));
}

bool is_operation(cublasOperation_t operation) {
  return operation >= CUBLAS_OP_N && operation <= CUBLAS_OP_C;
}

void read_matrix(const Matrix& x, const char* call, const char* argument) {
  require_device(x.data, x.span(), call, argument);
  for (std::int64_t col = 0; col < x.cols; ++col) {
    const void* const column = offset(x.data, x.type, col * x.ld);
    const std::size_t bytes = std::size_t(x.rows) * size_of(x.type);
    profile_bytes(column, bytes);
    require_ordered(column, bytes, call, false);
    require_defined(column, bytes, call, argument);
    shadow_read(column, bytes);
  }
}

void write_matrix(const Matrix& x, const char* call, const char* argument) {
  require_device(x.data, x.span(), call, argument);
  for (std::int64_t col = 0; col < x.cols; ++col) {
    const void* const column = offset(x.data, x.type, col * x.ld);
    const std::size_t bytes = std::size_t(x.rows) * size_of(x.type);
    profile_bytes(column, bytes);
    require_ordered(column, bytes, call);
    shadow_define(column, bytes);
    require_defined(column, bytes, call, argument);  // after the end of its buffer, a block stays undefined
  }
}

template <class T>
std::vector<T> pack(const Matrix& x, std::int64_t rows, std::int64_t cols, Rounding rounding) {
  std::vector<T> packed(std::size_t(rows * cols));
  for (std::int64_t j = 0; j < cols; ++j)
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t at = x.transposed ? j + i * x.ld : i + j * x.ld;
      packed[std::size_t(i + j * rows)] = rounded(T(load(x.data, x.type, at)), rounding);
    }
  return packed;
}

template <class T>
std::vector<T> multiply(std::int64_t m, std::int64_t n, std::int64_t k, const Matrix& a, const Matrix& b,
                        Rounding rounding) {
  const auto left = pack<T>(a, m, k, rounding);
  const auto right = pack<T>(b, k, n, rounding);
  std::vector<T> product(std::size_t(m * n), T(0));
  for (std::int64_t j = 0; j < n; ++j) {
    T* __restrict__ sums = product.data() + j * m;
    for (std::int64_t p = 0; p < k; ++p) {
      const T factor = right[std::size_t(p + j * k)];
      const T* __restrict__ column = left.data() + p * m;
      for (std::int64_t i = 0; i < m; ++i) sums[i] += column[i] * factor;
    }
  }
  return product;
}

Piece product_piece(const char* name, const ProductSizes& s, cudaDataType operands, cudaDataType result,
                    Rounding rounding) {
  const bool bf16 = operands == CUDA_R_16BF || rounding == Rounding::bf16;
  const char* const wide = operands == CUDA_R_64F ? "float64" : "float32";
  const std::int64_t read = (s.rows + s.columns) * s.depth, written = s.rows * s.columns;
  return {.kind = Piece::Kind::library,
          .name = name,
          .precision = bf16                         ? "bf16"
                       : rounding == Rounding::tf32 ? "tf32"
                                                    : wide,
          .rows = s.rows,
          .columns = s.columns,
          .depth = s.depth,
          .count = s.count,
          .bytes = double(s.count) *
                   (double(read) * double(size_of(operands)) + double(written) * double(size_of(result)))};
}

template std::vector<float> pack(const Matrix&, std::int64_t, std::int64_t, Rounding);
template std::vector<double> pack(const Matrix&, std::int64_t, std::int64_t, Rounding);
template std::vector<float> multiply(std::int64_t, std::int64_t, std::int64_t, const Matrix&, const Matrix&,
                                     Rounding);
template std::vector<double> multiply(std::int64_t, std::int64_t, std::int64_t, const Matrix&, const Matrix&,
                                      Rounding);

}  // namespace simt
