// Implements cublasLt: descriptors, the heuristic, and the product with its epilogue.
#include <cublasLt.h>

#include <algorithm>
#include <cstring>

#include "checks/shadow.h"
#include "libraries/cublas.h"

struct cublasLtContext {
  bool live = true;
};
struct cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;
  void* aux = nullptr;
  std::int64_t aux_ld = 0;  // bits
};
struct cublasLtMatrixLayoutOpaque_t {
  cudaDataType type;
  std::int64_t rows, cols, ld;
  std::int32_t batch = 1;
  std::int64_t stride = 0;
};
struct cublasLtMatmulPreferenceOpaque_t {
  std::uint64_t workspace_bytes = 0;
};

namespace simt {
namespace {

using Layout = cublasLtMatrixLayoutOpaque_t;

// The workspace that the only algorithm asks for, and fills, so that another user's data there is lost.
constexpr std::size_t wanted_workspace = 4096;
constexpr std::uint64_t algorithm_mark = 0x73696d742d676d6dull;

struct Matmul {
  cublasLtMatmulDescOpaque_t desc;
  double alpha, beta;
  const void *a, *b, *c;
  void* d;
  Layout la, lb, lc, ld;
  std::int64_t m, n, k;
};

Matrix operand(const void* data, const Layout& layout, cublasOperation_t operation, std::int64_t batch) {
  return {offset(data, layout.type, batch * layout.stride),
          layout.type,
          layout.rows,
          layout.cols,
          layout.ld,
          operation != CUBLAS_OP_N};
}

bool uses(const Matmul& p, int bit) { return (int(p.desc.epilogue) & bit) != 0; }
bool uses_aux(const Matmul& p) { return uses(p, 128); }
bool reads_bias(const Matmul& p) { return uses(p, CUBLASLT_EPILOGUE_BIAS); }
bool writes_bias(const Matmul& p) { return uses(p, CUBLASLT_EPILOGUE_BGRADA | CUBLASLT_EPILOGUE_BGRADB); }

bool is_double(const Matmul& p) { return p.desc.scale == CUDA_R_64F; }

cublasStatus_t check_shapes(Matmul& p) {
  const bool ta = p.desc.transpose_a != CUBLAS_OP_N, tb = p.desc.transpose_b != CUBLAS_OP_N;
  p.m = p.ld.rows;
  p.n = p.ld.cols;
  p.k = ta ? p.la.rows : p.la.cols;
  const bool agree = (ta ? p.la.cols : p.la.rows) == p.m && (tb ? p.lb.rows : p.lb.cols) == p.n &&
                     (tb ? p.lb.cols : p.lb.rows) == p.k && p.lc.rows == p.m && p.lc.cols == p.n;
  if (!agree) return CUBLAS_STATUS_INVALID_VALUE;
  for (const Layout* layout : {&p.la, &p.lb, &p.lc, &p.ld})
    if (layout->ld < std::max<std::int64_t>(1, layout->rows) || layout->batch != p.ld.batch)
      return CUBLAS_STATUS_INVALID_VALUE;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t check_types(const Matmul& p) {
  const cudaDataType in = p.la.type, out = p.ld.type;
  if (p.lb.type != in || p.lc.type != out) return CUBLAS_STATUS_NOT_SUPPORTED;
  const bool double_compute =
      p.desc.compute == CUBLAS_COMPUTE_64F || p.desc.compute == CUBLAS_COMPUTE_64F_PEDANTIC;
  if (double_compute != is_double(p)) return CUBLAS_STATUS_NOT_SUPPORTED;
  bool known = in == CUDA_R_32F && out == CUDA_R_32F;
  if (is_double(p))
    known = in == CUDA_R_64F && out == CUDA_R_64F && p.desc.epilogue == CUBLASLT_EPILOGUE_DEFAULT;
  else if (in == CUDA_R_16BF)
    known = p.desc.compute == CUBLAS_COMPUTE_32F && (out == CUDA_R_32F || out == CUDA_R_16BF);
  if (!known) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (uses_aux(p) && (p.desc.aux_ld % 128 != 0 || p.desc.aux_ld < p.m)) return CUBLAS_STATUS_NOT_SUPPORTED;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t check(Matmul& p) {
  const auto status = check_shapes(p);
  return status == CUBLAS_STATUS_SUCCESS ? check_types(p) : status;
}

// The ReLU mask is a column-major matrix of bits: a bit is 1 if the value passed.
bool mask_bit(const void* aux, std::int64_t at) {
  return (static_cast<const std::uint8_t*>(aux)[at / 8] >> (at % 8)) & 1;
}
void set_mask_bit(void* aux, std::int64_t at, bool on) {
  auto& byte = static_cast<std::uint8_t*>(aux)[at / 8];
  byte = std::uint8_t(on ? byte | (1 << (at % 8)) : byte & ~(1 << (at % 8)));
}

template <class T>
T epilogue(const Matmul& p, T value, std::int64_t row, std::int64_t col) {
  if (reads_bias(p)) value += T(load(p.desc.bias, p.ld.type, row));
  const std::int64_t bit = row + col * p.desc.aux_ld;
  if (p.desc.epilogue == CUBLASLT_EPILOGUE_DRELU) return mask_bit(p.desc.aux, bit) ? value : T(0);
  if (!uses(p, CUBLASLT_EPILOGUE_RELU)) return value;
  if (uses_aux(p)) set_mask_bit(p.desc.aux, bit, value > T(0));
  return value > T(0) ? value : T(0);
}

// Sums op(A) over k for each row of D, or op(B) over k for each column of D.
void bias_gradient(const Matmul& p, const Matrix& a, const Matrix& b) {
  const bool rows = p.desc.epilogue == CUBLASLT_EPILOGUE_BGRADA;
  for (std::int64_t i = 0; i < (rows ? p.m : p.n); ++i) {
    float sum = 0;
    for (std::int64_t q = 0; q < p.k; ++q) {
      const Matrix& x = rows ? a : b;
      const bool along_columns = rows != x.transposed;
      sum += float(load(x.data, x.type, along_columns ? i + q * x.ld : q + i * x.ld));
    }
    store(p.desc.bias, p.ld.type, i, double(sum));
  }
}

// Each column of the mask starts on a byte.
void use_mask(const Matmul& p, const char* name) {
  require_device(p.desc.aux, std::size_t((p.n * p.desc.aux_ld + 7) / 8), name, "the mask");
  const std::size_t bytes = std::size_t(p.m + 7) / 8;
  for (std::int64_t col = 0; col < p.n; ++col) {
    char* const at = static_cast<char*>(p.desc.aux) + col * p.desc.aux_ld / 8;
    const bool reads = p.desc.epilogue == CUBLASLT_EPILOGUE_DRELU;
    require_ordered(at, bytes, name, !reads);
    if (reads) require_defined(at, bytes, name, "the mask");
    reads ? shadow_read(at, bytes) : shadow_define(at, bytes);
  }
}

void check_memory(const Matmul& p, const Matrix& a, const Matrix& b, const void* c, const void* d) {
  const char* name = "cublasLtMatmul";
  read_matrix(a, name, "A");
  read_matrix(b, name, "B");
  if (p.beta != 0) read_matrix({c, p.lc.type, p.m, p.n, p.lc.ld, false}, name, "C");
  write_matrix({d, p.ld.type, p.m, p.n, p.ld.ld, false}, name, "D");
  const std::int64_t bias = p.desc.epilogue == CUBLASLT_EPILOGUE_BGRADB ? p.n : p.m;
  const Matrix column{p.desc.bias, p.ld.type, bias, 1, bias, false};
  if (reads_bias(p)) read_matrix(column, name, "the bias");
  if (writes_bias(p)) write_matrix(column, name, "the bias");
  if (uses_aux(p)) use_mask(p, name);
}

Rounding rounding_of(const Matmul& p) {
  if (p.desc.compute == CUBLAS_COMPUTE_32F_FAST_TF32) return Rounding::tf32;
  return p.desc.compute == CUBLAS_COMPUTE_32F_FAST_16BF ? Rounding::bf16 : Rounding::none;
}

template <class T>
void compute(const Matmul& p) {
  for (std::int64_t batch = 0; batch < p.ld.batch; ++batch) {
    const Matrix a = operand(p.a, p.la, p.desc.transpose_a, batch);
    const Matrix b = operand(p.b, p.lb, p.desc.transpose_b, batch);
    const void* c = offset(p.c, p.lc.type, batch * p.lc.stride);
    void* d = const_cast<void*>(offset(p.d, p.ld.type, batch * p.ld.stride));
    check_memory(p, a, b, c, d);
    const auto sums = multiply<T>(p.m, p.n, p.k, a, b, rounding_of(p));
    for (std::int64_t col = 0; col < p.n; ++col)
      for (std::int64_t row = 0; row < p.m; ++row) {
        T value = T(p.alpha) * sums[std::size_t(row + col * p.m)];
        if (p.beta != 0) value += T(p.beta) * T(load(c, p.lc.type, row + col * p.lc.ld));
        store(d, p.ld.type, row + col * p.ld.ld, double(epilogue(p, value, row, col)));
      }
    if (writes_bias(p)) bias_gradient(p, a, b);
  }
}

// Identifies what an algorithm of the heuristic is for: shapes, types, layouts and the epilogue.
std::uint64_t problem_of(const Matmul& p) {
  std::uint64_t hash = 14695981039346656037ull;
  const auto mix = [&](std::int64_t value) { hash = (hash ^ std::uint64_t(value)) * 1099511628211ull; };
  for (const Layout* l : {&p.la, &p.lb, &p.lc, &p.ld})
    for (const std::int64_t value :
         {std::int64_t(l->type), l->rows, l->cols, l->ld, std::int64_t(l->batch), l->stride})
      mix(value);
  for (const int value : {int(p.desc.compute), int(p.desc.scale), int(p.desc.transpose_a),
                          int(p.desc.transpose_b), int(p.desc.epilogue)})
    mix(value);
  return hash;
}

// Returns what is wrong with the pointers of a call; an empty text if nothing is.
std::string fault_of(const Matmul& p, const void* workspace, std::size_t needed) {
  for (const void* pointer : {p.a, p.b, p.c, static_cast<const void*>(p.d), workspace})
    if (reinterpret_cast<std::uintptr_t>(pointer) % 16 != 0)
      return "a matrix or the workspace is not aligned to 16 bytes";
  for (std::int64_t i = 0; i < p.ld.batch; ++i) {
    const Matrix d = operand(p.d, p.ld, CUBLAS_OP_N, i), a = operand(p.a, p.la, CUBLAS_OP_N, i),
                 b = operand(p.b, p.lb, CUBLAS_OP_N, i);
    if (share(d, a)) return "D overlaps A, which the call still reads";
    if (share(d, b)) return "D overlaps B, which the call still reads";
    for (const Matrix& x : {a, b, d})
      if (overlaps(workspace, needed, x.data, x.span())) return "the workspace overlaps a matrix";
  }
  return {};
}

Matmul problem(const cublasLtMatmulDescOpaque_t& desc, const Layout& a, const Layout& b, const Layout& c,
               const Layout& d) {
  return {desc, 0, 0, nullptr, nullptr, nullptr, nullptr, a, b, c, d, 0, 0, 0};
}

cublasStatus_t check_call(Matmul& p, const cublasLtMatmulAlgo_t* algo, const void* workspace,
                          std::size_t workspace_bytes, std::string& why) {
  if (const auto status = check(p); status != CUBLAS_STATUS_SUCCESS) return status;
  const bool needs_bias = reads_bias(p) || writes_bias(p);
  if ((uses_aux(p) && p.desc.aux == nullptr) || (needs_bias && p.desc.bias == nullptr))
    why = "the epilogue needs a bias or a mask";
  else if (algo != nullptr && algo->data[0] != algorithm_mark)
    why = "the heuristic did not give the algorithm";
  else if (algo != nullptr && algo->data[1] > workspace_bytes)
    why = "the algorithm needs a workspace of " + std::to_string(algo->data[1]) + " bytes";
  else
    why = fault_of(p, workspace, algo != nullptr ? algo->data[1] : 0);
  if (!why.empty()) return CUBLAS_STATUS_INVALID_VALUE;
  if (algo == nullptr || algo->data[2] == problem_of(p)) return CUBLAS_STATUS_SUCCESS;
  why = "the heuristic gave the algorithm for other shapes, types or epilogue";
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

template <class T>
cublasStatus_t set(T& field, const void* value, std::size_t bytes) {
  if (value == nullptr || bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&field, value, sizeof(T));
  return CUBLAS_STATUS_SUCCESS;
}

bool is_epilogue(cublasLtEpilogue_t e) {
  static constexpr cublasLtEpilogue_t known[] = {
      CUBLASLT_EPILOGUE_DEFAULT,   CUBLASLT_EPILOGUE_RELU,     CUBLASLT_EPILOGUE_BIAS,
      CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_RELU_AUX, CUBLASLT_EPILOGUE_RELU_AUX_BIAS,
      CUBLASLT_EPILOGUE_DRELU,     CUBLASLT_EPILOGUE_BGRADA,   CUBLASLT_EPILOGUE_BGRADB};
  return std::find(std::begin(known), std::end(known), e) != std::end(known);
}

template <class T, class... Args>
cublasStatus_t create(T** out, Args... args) {
  if (out == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  *out = new T{args...};
  return CUBLAS_STATUS_SUCCESS;
}
template <class T>
cublasStatus_t destroy(T* object) {
  delete object;
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace
}  // namespace simt

using namespace simt;

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (refuse_unsafe() != cudaSuccess)
    return status_of(CUBLAS_STATUS_ALLOC_FAILED,
                     "it allocates, which the capture of a stream does not permit");
  return create(handle);
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  if (handle == nullptr || !handle->live) return status_of(CUBLAS_STATUS_NOT_INITIALIZED);
  handle->live = false;  // the handle stays, so that no later one has its address
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute_type,
                                        cudaDataType_t scale_type) {
  return create(desc, compute_type, scale_type);
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) { return destroy(desc); }
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t cols, std::int64_t ld) {
  return create(layout, type, std::int64_t(rows), std::int64_t(cols), ld);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return destroy(layout); }
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return create(preference);
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return destroy(preference);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t bytes) {
  if (desc == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  auto next = *desc;
  cublasStatus_t status = CUBLAS_STATUS_INVALID_VALUE;
  if (attribute == CUBLASLT_MATMUL_DESC_TRANSA) status = set(next.transpose_a, value, bytes);
  if (attribute == CUBLASLT_MATMUL_DESC_TRANSB) status = set(next.transpose_b, value, bytes);
  if (attribute == CUBLASLT_MATMUL_DESC_EPILOGUE) status = set(next.epilogue, value, bytes);
  if (attribute == CUBLASLT_MATMUL_DESC_BIAS_POINTER) status = set(next.bias, value, bytes);
  if (attribute == CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER) status = set(next.aux, value, bytes);
  if (attribute == CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD) status = set(next.aux_ld, value, bytes);
  if (!is_operation(next.transpose_a) || !is_operation(next.transpose_b) || !is_epilogue(next.epilogue))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (status == CUBLAS_STATUS_SUCCESS) *desc = next;
  return status;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t bytes) {
  if (layout == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) return set(layout->batch, value, bytes);
  if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET) return set(layout->stride, value, bytes);
  cublasLtOrder_t order = CUBLASLT_ORDER_COL;
  const auto status = set(order, value, bytes);
  return status == CUBLAS_STATUS_SUCCESS && order != CUBLASLT_ORDER_COL ? CUBLAS_STATUS_NOT_SUPPORTED
                                                                        : status;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t bytes) {
  if (preference == nullptr || attribute != CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
    return CUBLAS_STATUS_INVALID_VALUE;
  return set(preference->workspace_bytes, value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t results[], int* returned) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (desc == nullptr || a == nullptr || b == nullptr || c == nullptr || d == nullptr ||
      preference == nullptr || requested < 1 || results == nullptr || returned == nullptr)
    return CUBLAS_STATUS_INVALID_VALUE;
  *returned = 0;
  Matmul p = problem(*desc, *a, *b, *c, *d);
  if (check(p) != CUBLAS_STATUS_SUCCESS) return CUBLAS_STATUS_NOT_SUPPORTED;
  // Rows of bf16 that do not start at multiples of 16 bytes are an error of the call.
  if (p.la.type == CUDA_R_16BF && (p.la.ld % 8 != 0 || p.lb.ld % 8 != 0)) return CUBLAS_STATUS_INVALID_VALUE;
  cublasLtMatmulHeuristicResult_t found = {};
  found.workspaceSize = std::min<std::size_t>(wanted_workspace, preference->workspace_bytes);
  found.algo.data[0] = algorithm_mark;
  found.algo.data[1] = found.workspaceSize;
  found.algo.data[2] = problem_of(p);
  found.wavesCount = 1;
  results[0] = found;
  *returned = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t* algo,
                                                    cublasLtMatmulAlgoConfigAttributes_t, void* value,
                                                    std::size_t bytes, std::size_t* written) {
  if (algo == nullptr || algo->data[0] != algorithm_mark || bytes != sizeof(std::int32_t))
    return CUBLAS_STATUS_INVALID_VALUE;
  std::memset(value, 0, bytes);
  *written = bytes;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algo, void* workspace, std::size_t workspace_bytes,
                              cudaStream_t stream) {
  if (handle == nullptr || !handle->live) return status_of(CUBLAS_STATUS_NOT_INITIALIZED);
  if (desc == nullptr || alpha == nullptr || beta == nullptr || a_layout == nullptr || b_layout == nullptr ||
      c_layout == nullptr || d_layout == nullptr || !is_stream(stream))
    return status_of(CUBLAS_STATUS_INVALID_VALUE);
  if (refuse_queueing(stream) != cudaSuccess) return status_of(CUBLAS_STATUS_EXECUTION_FAILED);
  Matmul p = problem(*desc, *a_layout, *b_layout, *c_layout, *d_layout);
  p.alpha = load(alpha, desc->scale, 0);
  p.beta = load(beta, desc->scale, 0);
  p.a = a, p.b = b, p.c = c, p.d = d;
  std::string why;
  if (const auto status = check_call(p, algo, workspace, workspace_bytes, why);
      status != CUBLAS_STATUS_SUCCESS)
    return status_of(status, why);
  const std::size_t needed = algo != nullptr ? algo->data[1] : 0;
  log_library_call("cublasLtMatmul");
  Piece piece =
      product_piece("cublasLtMatmul", {p.m, p.n, p.k, p.ld.batch}, p.la.type, p.ld.type, rounding_of(p));
  if (uses_aux(p)) piece.bytes += double(p.m * p.n) / 8;
  if (p.beta != 0) piece.bytes += double(p.m * p.n * p.ld.batch) * double(size_of(p.ld.type));
  enqueue(stream, std::move(piece), [p, workspace, needed] {
    use_workspace(workspace, needed, "cublasLtMatmul");
    is_double(p) ? compute<double>(p) : compute<float>(p);
  });
  return CUBLAS_STATUS_SUCCESS;
}
