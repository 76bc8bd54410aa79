// Implements cuDNN's convolutions: checks descriptors, lists algorithms, and queues a call's work.
#include <cstring>

#include "libraries/cudnn.h"
#include "machine/block.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

// Returns the size of y along one axis.
std::int64_t outputs(std::int64_t size, std::int64_t pad, std::int64_t taps, std::int64_t stride) {
  return size + 2 * pad < taps ? 0 : (size + 2 * pad - taps) / stride + 1;
}

cudnnStatus_t check(const Descriptors& d) {
  if (d.x == nullptr || d.y == nullptr || d.w == nullptr || d.convolution == nullptr)
    return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  if (!d.x->set || !d.y->set || !d.w->set || !d.convolution->set) return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
  if (d.x->type != d.w->type || d.x->type != d.y->type || d.convolution->compute != d.x->type)
    return CUDNN_STATUS_BAD_PARAM;
  const auto& f = *d.convolution;
  const bool agree = d.x->c == d.w->c && d.y->n == d.x->n && d.y->c == d.w->n &&
                     d.y->h == outputs(d.x->h, f.pad_h, d.w->h, f.stride_h) &&
                     d.y->w == outputs(d.x->w, f.pad_w, d.w->w, f.stride_w);
  return agree ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
}

Convolution shape_of(const Descriptors& d) {
  const auto& f = *d.convolution;
  return {
      d.x->n,  d.x->c,     d.x->h,     d.x->w,    d.w->n,
      d.w->h,  d.w->w,     d.y->h,     d.y->w,    f.pad_h,
      f.pad_w, f.stride_h, f.stride_w, f.flipped, d.x->type == CUDNN_DATA_DOUBLE ? CUDA_R_64F : CUDA_R_32F};
}

cudnnStatus_t check_query(cudnnHandle_t handle, const Descriptors& d) {
  if (handle == nullptr) return CUDNN_STATUS_NOT_INITIALIZED;
  if (const auto status = outside_of_captures(); status != CUDNN_STATUS_SUCCESS) return status;
  return check(d);
}

// Finds the algorithm with the descriptor's math type; returns false if it is not supported.
bool find(Pass pass, const Descriptors& d, int number, Algorithm& found) {
  for (const Algorithm& a : algorithms(pass, shape_of(d)))
    if (a.number == number && a.supported &&
        (a.math == d.convolution->math || d.convolution->math == CUDNN_DEFAULT_MATH)) {
      found = a;
      return true;
    }
  return false;
}

// The work that a call queues. Later changes of the descriptors do not affect it.
struct Work {
  const char* name;
  Pass pass;
  Convolution shape;
  Algorithm algorithm;
  Matrix first, second, result;
  const char *first_name, *second_name, *result_name;
  double alpha, beta;
  bool split;
  void* workspace;
};

// Returns a packed tensor as a matrix with one column.
Matrix column(const Operand& o, cudaDataType type) {
  const std::int64_t count = o.sizes->n * o.sizes->c * o.sizes->h * o.sizes->w;
  return {o.data, type, count, 1, count, false};
}

Rounding rounding_of(const Work& w) {
  const bool tf32 = w.algorithm.math == CUDNN_TENSOR_OP_MATH && w.shape.type == CUDA_R_32F;
  return tf32 ? Rounding::tf32 : Rounding::none;
}

template <class T>
void compute(const Work& w) {
  read_matrix(w.first, w.name, w.first_name);
  read_matrix(w.second, w.name, w.second_name);
  if (w.beta != 0) read_matrix(w.result, w.name, w.result_name);
  write_matrix(w.result, w.name, w.result_name);
  const Rounding rounding = rounding_of(w);
  const auto sums = convolve(w.pass, w.shape, pack<T>(w.first, w.first.rows, 1, rounding),
                             pack<T>(w.second, w.second.rows, 1, rounding), w.split);
  T* const to = static_cast<T*>(const_cast<void*>(w.result.data));
  for (std::size_t i = 0; i < sums.size(); ++i)
    to[i] = T(w.alpha) * sums[i] + (w.beta == 0 ? T(0) : T(w.beta) * to[i]);
}

// Describes the pass as the product of matrices that it is, with the bytes of its three arrays.
Piece piece_of(const Work& w) {
  const Convolution& c = w.shape;
  const std::int64_t taps = c.r * c.s, in = c.n * c.h * c.w, out = c.n * c.p * c.q;
  ProductSizes sizes{c.k, out, c.c * taps, 1};
  if (w.pass == Pass::backward_data) sizes = {c.c, in, c.k * taps, 1};
  if (w.pass == Pass::backward_filter) sizes = {c.k, c.c * taps, out, 1};
  Piece piece = product_piece(w.name, sizes, c.type, c.type, rounding_of(w));
  piece.bytes = double(w.first.span() + w.second.span() + w.result.span() * (w.beta != 0 ? 2 : 1));
  return piece;
}

// Overwrites the workspace on every call, so that another user's data there is lost.
void fill_workspace(const Work& w) {
  const auto bytes = std::int64_t(w.algorithm.workspace);
  if (bytes == 0) return;
  write_matrix({w.workspace, CUDA_R_32F, bytes / 4, 1, bytes / 4, false}, w.name, "the workspace");
  std::memset(w.workspace, 0xff, std::size_t(bytes));
}

void perform(const Work& w) {
  fill_workspace(w);
  w.shape.type == CUDA_R_64F ? compute<double>(w) : compute<float>(w);
}

bool is_aligned(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0; }

// Returns whether the result or the workspace shares memory with another array.
bool overlaps(const Work& w) {
  for (const Matrix* factor : {&w.first, &w.second})
    if (simt::overlaps(w.result.data, w.result.span(), factor->data, factor->span()) ||
        simt::overlaps(w.workspace, w.algorithm.workspace, factor->data, factor->span()))
      return true;
  return simt::overlaps(w.workspace, w.algorithm.workspace, w.result.data, w.result.span());
}

bool draw_split() {
  static std::uint64_t calls = 0;
  std::uint64_t version = 0;
  Random random;
  random.seed(current_seed(&version) ^ ++calls);
  return random.below(2) == 1;
}

cudnnStatus_t check_pointers(const PassCall& call, const Algorithm& algorithm) {
  for (const void* pointer : {call.alpha, call.beta, call.first.data, call.second.data, call.result.data})
    if (pointer == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  if (call.workspace_bytes < algorithm.workspace) return CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT;
  if (algorithm.workspace > 0 && call.workspace == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  const void* const work = call.workspace;
  for (const void* pointer : {call.first.data, call.second.data, call.result.data, work})
    if (!is_aligned(pointer)) return CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

cudnnStatus_t outside_of_captures() {
  return refuse_unsafe() == cudaSuccess ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_EXECUTION_FAILED_CUDART;
}

cudnnStatus_t list_algorithms(Pass pass, cudnnHandle_t handle, const Descriptors& d,
                              std::vector<Algorithm>& all) {
  if (const auto status = check_query(handle, d); status != CUDNN_STATUS_SUCCESS) return status;
  all = algorithms(pass, shape_of(d));
  return all.empty() ? CUDNN_STATUS_NOT_SUPPORTED_SHAPE : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t workspace_size(Pass pass, cudnnHandle_t handle, const Descriptors& d, int number,
                             std::size_t* bytes) {
  if (const auto status = check_query(handle, d); status != CUDNN_STATUS_SUCCESS) return status;
  if (bytes == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  Algorithm found{};
  if (!find(pass, d, number, found)) return CUDNN_STATUS_NOT_SUPPORTED;
  *bytes = found.workspace;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t run_pass(cudnnHandle_t handle, const PassCall& call) {
  if (handle == nullptr) return CUDNN_STATUS_NOT_INITIALIZED;
  if (const auto status = check(call.d); status != CUDNN_STATUS_SUCCESS) return status;
  Algorithm algorithm{};
  if (!find(call.pass, call.d, call.algorithm, algorithm)) return CUDNN_STATUS_NOT_SUPPORTED;
  if (const auto status = check_pointers(call, algorithm); status != CUDNN_STATUS_SUCCESS) return status;
  const Convolution shape = shape_of(call.d);
  const Work work{call.name,
                  call.pass,
                  shape,
                  algorithm,
                  column(call.first, shape.type),
                  column(call.second, shape.type),
                  column(call.result, shape.type),
                  call.first.name,
                  call.second.name,
                  call.result.name,
                  load(call.alpha, shape.type, 0),
                  load(call.beta, shape.type, 0),
                  algorithm.determinism == CUDNN_NON_DETERMINISTIC && draw_split(),
                  call.workspace};
  if (overlaps(work)) return CUDNN_STATUS_BAD_PARAM;
  log_library_call(call.name);
  enqueue(handle->stream, piece_of(work), [work] { perform(work); });
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace simt
