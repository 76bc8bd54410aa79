// Matrices in device memory and their product, for the library stand-ins: column-major, operands rounded
// once, sums in order of k.
#pragma once
#include <cstdint>
#include <vector>

#include "simt/library_types.h"
#include "simt/trace.h"

namespace simt {

// The format to which an operand is rounded before the product.
enum class Rounding { none, tf32, bf16 };

struct Matrix {
  const void* data = nullptr;
  cudaDataType type = CUDA_R_32F;
  std::int64_t rows = 0, cols = 0, ld = 0;  // as stored
  bool transposed = false;

  // Returns the bytes from the first element to the end of the last.
  std::size_t span() const;
};

std::size_t size_of(cudaDataType type);
double load(const void* data, cudaDataType type, std::int64_t index);
void store(void* data, cudaDataType type, std::int64_t index, double value);
const void* offset(const void* data, cudaDataType type, std::int64_t elements);
// Returns whether two ranges share a byte.
inline bool overlaps(const void* a, std::size_t a_bytes, const void* b, std::size_t b_bytes) {
  const auto x = reinterpret_cast<std::uintptr_t>(a), y = reinterpret_cast<std::uintptr_t>(b);
  return x < y + b_bytes && y < x + a_bytes;
}
bool is_operation(cublasOperation_t operation);

// Checks the memory of a library call: it exists as a whole, what is read was written, and streams are
// ordered.
void read_matrix(const Matrix& x, const char* call, const char* argument);
void write_matrix(const Matrix& x, const char* call, const char* argument);

// Returns op(x) as rows x cols, column-major without gaps, rounded.
template <class T>
std::vector<T> pack(const Matrix& x, std::int64_t rows, std::int64_t cols, Rounding rounding);

// Returns op(a) (m,k) times op(b) (k,n), column-major without gaps; T is the type of products and sums.
template <class T>
std::vector<T> multiply(std::int64_t m, std::int64_t n, std::int64_t k, const Matrix& a, const Matrix& b,
                        Rounding rounding);

// Describes `count` products (rows,depth) (depth,columns) for a trace. The bytes are those of operands and
// result, each once.
struct ProductSizes {
  std::int64_t rows, columns, depth, count;
};
Piece product_piece(const char* name, const ProductSizes& sizes, cudaDataType operands, cudaDataType result,
                    Rounding rounding);

}  // namespace simt
