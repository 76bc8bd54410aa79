// Matrix products: cuBLAS/cublasLt on CUDA, oneDNN (float32) or SIMD loops (float64) on the CPU.
#pragma once
#include <string_view>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// How products round their float32 operands; sums are always float32. tf32: CUDA only (10-bit mantissa).
// bf16: CUDA, and CPUs with AVX-512 BF16 through oneDNN. Other CPUs round the operands to bf16 and multiply
// in float32: the results are the same, but it is no faster.
enum class Precision { float32, tf32, bf16 };
const char* name_of(Precision precision);
Precision precision_named(std::string_view name);  // Throws Error for other names
void set_precision(Precision precision);           // for the process; float32 at start
Precision precision();
// Sets the precision of products for the length of a scope.
class ScopedPrecision {
 public:
  explicit ScopedPrecision(Precision p) : before_(precision()) { set_precision(p); }
  ~ScopedPrecision() { set_precision(before_); }
  ScopedPrecision(const ScopedPrecision&) = delete;
  ScopedPrecision& operator=(const ScopedPrecision&) = delete;

 private:
  Precision before_;
};
// Returns whether bf16 products run on the CPU's own bf16 instructions.
bool cpu_has_bf16();

struct GemmShape {
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false;  // c += instead of c =
};
// Row-major c (m,n) = op(a) (m,k) * op(b) (k,n). a is stored (k,m) if transpose_a, b (n,k) if transpose_b.
void gemm(const GemmShape& shape, const Array& a, const Array& b, const Array& c);

// y (rows,out) = x (rows,in) w^T + b with w (out,in), b (out) or empty, then ReLU if asked for, in one pass
// over y.
struct LinearShape {
  std::int64_t rows, in, out;
  bool relu = false;
};
void linear(const LinearShape& shape, const Array& x, const Array& w, const Array& b, const Array& y);

// The CPU product on raw pointers with leading dimensions: c = op(a) op(b) + beta c, beta 0 or 1. Inside a
// piece of a loop (kernels/host/pool.h) it runs on the calling thread.
struct HostGemm {
  bool transpose_a, transpose_b;
  std::int64_t m, n, k;
  std::int64_t lda, ldb, ldc;
  float beta = 0;
};
void gemm_host(const HostGemm& g, const float* a, const float* b, float* c);
void gemm_host(const HostGemm& g, const double* a, const double* b, double* c);

}  // namespace stillpoint::kernels
