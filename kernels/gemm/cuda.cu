// cuBLAS for products, cublasLt for products with a bias; row-major by exchanging the operands.
#include "kernels/gemm/gemm_cuda.h"

#include <bit>
#include <climits>
#include <compare>
#include <map>
#include <mutex>

#include "kernels/device/cuda_memory.h"
#include "kernels/device/library_plans.h"
#include "kernels/launch/launch.h"
#include "kernels/launch/optional_array.h"

namespace stillpoint::kernels {
namespace {

// Rounds to nearest even; a NaN stays a NaN.
struct RoundToBf16 {
  const float* x;
  std::uint16_t* y;
  STILLPOINT_HD void operator()(Index i) const {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x[i]);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    y[i] = std::uint16_t(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
};

Buffer rounded_to_bf16(const Array& x) {
  Buffer y(Device::cuda, std::size_t(x.size) * sizeof(std::uint16_t));
  each(Device::cuda, x.size, RoundToBf16{x.as<float>(), static_cast<std::uint16_t*>(y.data())});
  return y;
}

// y = y + b + plus, then ReLU if asked for, which keeps a NaN; b and plus may be null.
template <class T>
struct LinearEpilogue {
  const T *b, *plus;
  T* y;
  Index out;
  bool relu;
  STILLPOINT_HD void operator()(Index i) const {
    T value = b == nullptr ? y[i] : y[i] + b[i % out];
    if (plus != nullptr) value += plus[i];
    y[i] = relu && value < T(0) ? T(0) : value;
  }
};

template <class T>
void linear_epilogue(const LinearShape& s, const LinearTerms& t, const Array& y) {
  if (t.b.data == nullptr && t.plus.data == nullptr && !s.relu) return;
  each(Device::cuda, y.size,
       LinearEpilogue<T>{pointer_or_null<T>(t.b), pointer_or_null<T>(t.plus), y.as<T>(), s.out, s.relu});
}

int narrow(const char* where, Index extent) {
  require(extent <= INT_MAX, where, ": given an extent of ", extent, ", expected at most ", INT_MAX,
          ", use a smaller batch");
  return int(extent);
}

// The column-major view: c' (n,m) = op(b') op(a').
struct Swapped {
  cublasOperation_t transpose_a, transpose_b;
  int m, n, k, lda, ldb;
};
Swapped swapped(const GemmShape& s) {
  const int m = narrow("gemm", s.m), n = narrow("gemm", s.n), k = narrow("gemm", s.k);
  return {s.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
          s.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
          m,
          n,
          k,
          s.transpose_a ? m : k,
          s.transpose_b ? k : n};
}

void product(const Swapped& g, const double* a, const double* b, double beta, double* c) {
  const double one = 1;
  STILLPOINT_CUDA_CHECK(cublasDgemm(cuda::queue().blas, g.transpose_b, g.transpose_a, g.n, g.m, g.k, &one, b,
                                    g.ldb, a, g.lda, &beta, c, g.n));
}

void product(const Swapped& g, const float* a, const float* b, float beta, float* c) {
  const float one = 1;
  STILLPOINT_CUDA_CHECK(cublasSgemm(cuda::queue().blas, g.transpose_b, g.transpose_a, g.n, g.m, g.k, &one, b,
                                    g.ldb, a, g.lda, &beta, c, g.n));
}

void product_rounded(const Swapped& g, const void* a, const void* b, float beta, float* c, cudaDataType type,
                     cublasComputeType_t compute) {
  const float one = 1;
  STILLPOINT_CUDA_CHECK(cublasGemmEx(cuda::queue().blas, g.transpose_b, g.transpose_a, g.n, g.m, g.k, &one, b,
                                     type, g.ldb, a, type, g.lda, &beta, c, CUDA_R_32F, g.n, compute,
                                     CUBLAS_GEMM_DEFAULT));
}

// One cublasLt product y' (out,rows) = op(w') x' + plus', and the bias in its epilogue.
struct LtKey {
  Index rows, in, out;
  bool transpose_w, bias;
  Precision precision;
  auto operator<=>(const LtKey&) const = default;
};
struct LtPlan {
  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t w = nullptr, x = nullptr, y = nullptr;
  cublasLtMatmulAlgo_t algo{};
  bool found = false;  // false: cublasLt has no kernel for this product
};

template <class V>
void set_attribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute, const V& value) {
  STILLPOINT_CUDA_CHECK(cublasLtMatmulDescSetAttribute(product, attribute, &value, sizeof value));
}

// Returns cublasLt's number of the algorithm and of its tile.
std::string algorithm_of(const cublasLtMatmulAlgo_t& algo) {
  const auto read = [&](cublasLtMatmulAlgoConfigAttributes_t attribute) {
    std::int32_t value = -1;
    std::size_t size = 0;
    cublasLtMatmulAlgoConfigGetAttribute(&algo, attribute, &value, sizeof value, &size);
    return value;
  };
  return text(read(CUBLASLT_ALGO_CONFIG_ID), ", tile ", read(CUBLASLT_ALGO_CONFIG_TILE_ID));
}

LtPlan make_plan(const LtKey& key) {
  const bool bf16 = key.precision == Precision::bf16;
  const cudaDataType type = bf16 ? CUDA_R_16BF : CUDA_R_32F;
  const cublasComputeType_t compute =
      key.precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  // cublasLt's own ReLU may make a NaN 0, after which nothing would stop a run whose weights are not finite.
  const cublasLtEpilogue_t epilogue = key.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  LtPlan plan;
  STILLPOINT_CUDA_CHECK(cublasLtMatmulDescCreate(&plan.product, compute, CUDA_R_32F));
  set_attribute(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, key.transpose_w ? CUBLAS_OP_T : CUBLAS_OP_N);
  set_attribute(plan.product, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
  const auto in = std::uint64_t(key.in), out = std::uint64_t(key.out), rows = std::uint64_t(key.rows);
  STILLPOINT_CUDA_CHECK(cublasLtMatrixLayoutCreate(&plan.w, type, key.transpose_w ? in : out,
                                                   key.transpose_w ? out : in,
                                                   key.transpose_w ? key.in : key.out));
  STILLPOINT_CUDA_CHECK(cublasLtMatrixLayoutCreate(&plan.x, type, in, rows, key.in));
  STILLPOINT_CUDA_CHECK(cublasLtMatrixLayoutCreate(&plan.y, CUDA_R_32F, out, rows, key.out));
  cublasLtMatmulPreference_t preference = nullptr;
  STILLPOINT_CUDA_CHECK(cublasLtMatmulPreferenceCreate(&preference));
  const cuda::Queue& queue = cuda::queue();
  STILLPOINT_CUDA_CHECK(
      cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                           &queue.workspace_bytes, sizeof queue.workspace_bytes));
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      queue.blas_lt, plan.product, plan.w, plan.x, plan.y, plan.y, preference, 1, &result, &found);
  STILLPOINT_CUDA_CHECK(cublasLtMatmulPreferenceDestroy(preference));
  // If cublasLt answers with an error that is not the machine's, other products do the work.
  if (status == CUBLAS_STATUS_ALLOC_FAILED || status == CUBLAS_STATUS_INTERNAL_ERROR)
    cuda::check(status, "cublasLtMatmulAlgoGetHeuristic", __FILE__, __LINE__);
  plan.found = status == CUBLAS_STATUS_SUCCESS && found > 0;
  plan.algo = result.algo;
  keep_plan({.library = "cublasLt",
             .work = text("linear (", key.rows, ",", key.in, ") -> (", key.rows, ",", key.out, ")",
                          key.transpose_w ? "" : " by columns", key.bias ? " with bias" : ""),
             .found = plan.found,
             .algorithm = plan.found ? algorithm_of(plan.algo) : "",
             .math = bf16                               ? "bf16"
                     : key.precision == Precision::tf32 ? "tf32"
                                                        : "float32",
             .workspace_bytes = result.workspaceSize});
  return plan;
}

// The heuristic assumes operands aligned to 256 bytes, as whole buffers are; slices may not be.
bool is_aligned(const Array& a) { return reinterpret_cast<std::uintptr_t>(a.data) % 256 == 0; }

// Returns false if cublasLt cannot run this product.
bool fused_product(const LtKey& key, const void* x, const void* w, const LinearTerms& t, const Array& y) {
  static std::mutex mutex;
  static std::map<LtKey, LtPlan>* const plans =
      new std::map<LtKey, LtPlan>;  // never destroyed, because CUDA may be gone
  const std::lock_guard lock(mutex);
  auto plan = plans->find(key);
  if (plan == plans->end()) plan = plans->emplace(key, make_plan(key)).first;
  const LtPlan& p = plan->second;
  if (!p.found) return false;
  if (key.bias) set_attribute(p.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, t.b.data);
  const float one = 1, beta = t.plus.data != nullptr ? 1.0f : 0.0f;
  const cuda::Queue& queue = cuda::queue();
  STILLPOINT_CUDA_CHECK(cublasLtMatmul(queue.blas_lt, p.product, &one, w, p.w, x, p.x, &beta,
                                       t.plus.data != nullptr ? t.plus.data : y.data, p.y, y.data, p.y,
                                       &p.algo, queue.workspace, queue.workspace_bytes, queue.stream));
  return true;
}

bool linear_by_lt(const LinearShape& s, const Array& x, const Array& w, const LinearTerms& t,
                  const Array& y) {
  for (const Array* a : {&x, &w, &t.b, &t.plus, &y})
    if (!is_aligned(*a)) return false;
  const LtKey key{s.rows, s.in, s.out, t.transpose_w, t.b.data != nullptr, precision()};
  if (key.precision != Precision::bf16) return fused_product(key, x.data, w.data, t, y);
  const Buffer x16 = rounded_to_bf16(x), w16 = rounded_to_bf16(w);
  return fused_product(key, x16.data(), w16.data(), t, y);
}

}  // namespace

void gemm_cuda(const GemmShape& shape, const Array& a, const Array& b, const Array& c) {
  const Swapped g = swapped(shape);
  const float beta = shape.accumulate ? 1.0f : 0.0f;
  if (c.dtype == DType::float64) return product(g, a.as<double>(), b.as<double>(), beta, c.as<double>());
  switch (precision()) {
    case Precision::float32:
      return product(g, a.as<float>(), b.as<float>(), beta, c.as<float>());
    case Precision::tf32:
      return product_rounded(g, a.as<float>(), b.as<float>(), beta, c.as<float>(), CUDA_R_32F,
                             CUBLAS_COMPUTE_32F_FAST_TF32);
    case Precision::bf16: {
      const Buffer a16 = rounded_to_bf16(a), b16 = rounded_to_bf16(b);
      return product_rounded(g, a16.data(), b16.data(), beta, c.as<float>(), CUDA_R_16BF, CUBLAS_COMPUTE_32F);
    }
  }
}

void linear_cuda(const LinearShape& s, const Array& x, const Array& w, const LinearTerms& terms,
                 const Array& y) {
  dispatch_real(y.dtype, "linear", [&](auto zero) {
    using T = decltype(zero);
    if (s.in == 0) {
      zero_cuda(y.data, std::size_t(y.size) * sizeof(T));
    } else {
      if (std::is_same_v<T, float> && linear_by_lt(s, x, w, terms, y)) return linear_epilogue<T>(s, {}, y);
      gemm_cuda({.m = s.rows, .n = s.out, .k = s.in, .transpose_b = terms.transpose_w}, x, w, y);
    }
    linear_epilogue<T>(s, terms, y);
  });
}

}  // namespace stillpoint::kernels
