// cuDNN's convolutions: the choice of an algorithm, and the calls. They use the legacy calls, because cuDNN's
// graphs would describe the same three passes in three times the code.
#include "kernels/conv2d/conv2d_cudnn_plan.h"

#include <array>
#include <map>
#include <mutex>

#include "kernels/device/library_plans.h"

namespace stillpoint::cuda {

void check(cudnnStatus_t status, const char* call, const char* file, int line) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  fail(call, " at ", file, ":", line, ": status ", int(status), " (", cudnnGetErrorString(status),
       "), expected success, check that cuDNN fits the CUDA toolkit and driver and that memory is left");
}

}  // namespace stillpoint::cuda

namespace stillpoint::kernels {
namespace {

// The limit is fixed: one that followed the free memory would change the choice, and so the last bits.
constexpr std::size_t most_workspace = std::size_t(256) << 20;

// The handle is made at the first convolution: loading cuDNN takes time and memory that other models do not
// need.
cudnnHandle_t handle() {
  static const cudnnHandle_t made = [] {
    cudnnHandle_t fresh = nullptr;
    STILLPOINT_CUDA_CHECK(cudnnCreate(&fresh));
    return fresh;
  }();
  STILLPOINT_CUDA_CHECK(cudnnSetStream(made, cuda::queue().stream));
  return made;
}

// Returns false if cuDNN refuses what it was asked about; then plain kernels do the work. A failed execution
// (codes from 5000 on) is the fault of an earlier kernel and throws.
bool is_supported(cudnnStatus_t status, const char* call, int line) {
  if (int(status) >= 5000) cuda::check(status, call, __FILE__, line);
  return status == CUDNN_STATUS_SUCCESS;
}

bool wants_fma(const Conv2dKey& key) {
  return key.dtype == DType::float32 && key.precision == Precision::float32;
}

// Tensor cores read float32 as tf32. DEFAULT is what the descriptor asks for, so it is FMA if that asks for
// FMA.
bool rounds_as_asked(cudnnMathType_t math, const Conv2dKey& key) {
  return math == CUDNN_FMA_MATH || math == CUDNN_DEFAULT_MATH ||
         (!wants_fma(key) && math == CUDNN_TENSOR_OP_MATH);
}

const char* name_of(Conv2dPass pass) {
  return pass == Conv2dPass::forward        ? "forward"
         : pass == Conv2dPass::data_adjoint ? "data adjoint"
                                            : "weight adjoint";
}

void fill_descriptors(Conv2dPlan& plan, const Conv2dKey& key) {
  const Conv2dShape& s = key.shape;
  const cudnnDataType_t type = key.dtype == DType::float64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
  const int batch = int(s.batch), in = int(s.in_channels), out = int(s.out_channels);
  const int padding = int(s.padding), stride = int(s.stride);
  STILLPOINT_CUDA_CHECK(cudnnCreateTensorDescriptor(&plan.x));
  STILLPOINT_CUDA_CHECK(cudnnCreateTensorDescriptor(&plan.y));
  STILLPOINT_CUDA_CHECK(cudnnCreateFilterDescriptor(&plan.w));
  STILLPOINT_CUDA_CHECK(cudnnCreateConvolutionDescriptor(&plan.convolution));
  STILLPOINT_CUDA_CHECK(
      cudnnSetTensor4dDescriptor(plan.x, CUDNN_TENSOR_NCHW, type, batch, in, int(s.height), int(s.width)));
  STILLPOINT_CUDA_CHECK(cudnnSetTensor4dDescriptor(plan.y, CUDNN_TENSOR_NCHW, type, batch, out,
                                                   int(s.out_height()), int(s.out_width())));
  STILLPOINT_CUDA_CHECK(cudnnSetFilter4dDescriptor(plan.w, type, CUDNN_TENSOR_NCHW, out, in,
                                                   int(s.kernel_height), int(s.kernel_width)));
  STILLPOINT_CUDA_CHECK(cudnnSetConvolution2dDescriptor(plan.convolution, padding, padding, stride, stride, 1,
                                                        1, CUDNN_CROSS_CORRELATION, type));
  STILLPOINT_CUDA_CHECK(
      cudnnSetConvolutionMathType(plan.convolution, wants_fma(key) ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH));
}

// Chooses the first algorithm in cuDNN's own order that is deterministic, rounds as asked and fits the
// workspace. `query` fills a list; `workspace_of` returns what an algorithm needs once its math type is set.
template <class Perf, class Query, class Workspace>
void choose(Conv2dPlan& plan, const Conv2dKey& key, const Query& query, const Workspace& workspace_of) {
  std::array<Perf, 16> found{};
  int count = 0;
  if (!is_supported(query(int(found.size()), &count, found.data()), "the choice of a convolution", __LINE__))
    return;
  for (int i = 0; i < count && !plan.found; ++i) {
    const Perf& f = found[std::size_t(i)];
    if (f.status != CUDNN_STATUS_SUCCESS || f.determinism != CUDNN_DETERMINISTIC) continue;
    if (!rounds_as_asked(f.mathType, key)) continue;
    plan.math = wants_fma(key) ? CUDNN_FMA_MATH : f.mathType;
    STILLPOINT_CUDA_CHECK(cudnnSetConvolutionMathType(plan.convolution, plan.math));
    if (!is_supported(workspace_of(f.algo, &plan.workspace_bytes), "the workspace of a convolution",
                      __LINE__))
      continue;
    plan.algorithm = int(f.algo);
    plan.found = plan.workspace_bytes <= most_workspace;
  }
}

void fill_plan(Conv2dPlan& p, const Conv2dKey& key) {
  fill_descriptors(p, key);
  switch (key.pass) {
    case Conv2dPass::forward:
      choose<cudnnConvolutionFwdAlgoPerf_t>(
          p, key,
          [&](auto... list) {
            return cudnnGetConvolutionForwardAlgorithm_v7(handle(), p.x, p.w, p.convolution, p.y, list...);
          },
          [&](auto algo, std::size_t* bytes) {
            return cudnnGetConvolutionForwardWorkspaceSize(handle(), p.x, p.w, p.convolution, p.y, algo,
                                                           bytes);
          });
      break;
    case Conv2dPass::data_adjoint:
      choose<cudnnConvolutionBwdDataAlgoPerf_t>(
          p, key,
          [&](auto... list) {
            return cudnnGetConvolutionBackwardDataAlgorithm_v7(handle(), p.w, p.y, p.convolution, p.x,
                                                               list...);
          },
          [&](auto algo, std::size_t* bytes) {
            return cudnnGetConvolutionBackwardDataWorkspaceSize(handle(), p.w, p.y, p.convolution, p.x, algo,
                                                                bytes);
          });
      break;
    case Conv2dPass::weight_adjoint:
      choose<cudnnConvolutionBwdFilterAlgoPerf_t>(
          p, key,
          [&](auto... list) {
            return cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle(), p.x, p.y, p.convolution, p.w,
                                                                 list...);
          },
          [&](auto algo, std::size_t* bytes) {
            return cudnnGetConvolutionBackwardFilterWorkspaceSize(handle(), p.x, p.y, p.convolution, p.w,
                                                                  algo, bytes);
          });
  }
}

// Frees a plan that could not be completed, and ignores further errors.
void destroy_descriptors(const Conv2dPlan& p) {
  if (p.x != nullptr) cudnnDestroyTensorDescriptor(p.x);
  if (p.y != nullptr) cudnnDestroyTensorDescriptor(p.y);
  if (p.w != nullptr) cudnnDestroyFilterDescriptor(p.w);
  if (p.convolution != nullptr) cudnnDestroyConvolutionDescriptor(p.convolution);
}

Conv2dPlan make_plan(const Conv2dKey& key) {
  Conv2dPlan p;
  try {
    fill_plan(p, key);
  } catch (...) {
    destroy_descriptors(p);
    throw;
  }
  keep_plan({.library = "cuDNN",
             .work = text(describe_conv2d(name_of(key.pass), key.shape), " in ", name_of(key.dtype)),
             .found = p.found,
             .algorithm = text(p.algorithm),
             .math = p.math == CUDNN_FMA_MATH       ? "FMA"
                     : p.math == CUDNN_DEFAULT_MATH ? "default"
                                                    : "tensor cores",
             .workspace_bytes = p.workspace_bytes});
  return p;
}

std::array<Index, 12> ordered(const Conv2dKey& key) {
  const Conv2dShape& s = key.shape;
  return {Index(key.pass), s.batch,   s.in_channels,    s.out_channels,
          s.height,        s.width,   s.kernel_height,  s.kernel_width,
          s.stride,        s.padding, Index(key.dtype), Index(key.precision)};
}

}  // namespace

const Conv2dPlan& conv2d_plan(const Conv2dKey& key) {
  static std::mutex mutex;
  static auto* const plans =
      new std::map<std::array<Index, 12>, Conv2dPlan>;  // never destroyed: CUDA may be gone
  const std::lock_guard lock(mutex);
  auto plan = plans->find(ordered(key));
  if (plan == plans->end()) plan = plans->emplace(ordered(key), make_plan(key)).first;
  return plan->second;
}

void run_conv2d(const Conv2dKey& key, const Conv2dPlan& p, const Conv2dOperands& o) {
  const Buffer workspace(Device::cuda, p.workspace_bytes);
  const float one32 = 1, zero32 = 0;
  const double one64 = 1, zero64 = 0;
  const bool wide = key.dtype == DType::float64;
  const void* const one = wide ? static_cast<const void*>(&one64) : &one32;
  const void* const zero = wide ? static_cast<const void*>(&zero64) : &zero32;
  switch (key.pass) {
    case Conv2dPass::forward:
      STILLPOINT_CUDA_CHECK(cudnnConvolutionForward(handle(), one, p.x, o.x, p.w, o.w, p.convolution,
                                                    cudnnConvolutionFwdAlgo_t(p.algorithm), workspace.data(),
                                                    p.workspace_bytes, zero, p.y, o.y));
      break;
    case Conv2dPass::data_adjoint:
      STILLPOINT_CUDA_CHECK(cudnnConvolutionBackwardData(
          handle(), one, p.w, o.w, p.y, o.y, p.convolution, cudnnConvolutionBwdDataAlgo_t(p.algorithm),
          workspace.data(), p.workspace_bytes, zero, p.x, o.x));
      break;
    case Conv2dPass::weight_adjoint:
      STILLPOINT_CUDA_CHECK(cudnnConvolutionBackwardFilter(
          handle(), one, p.x, o.x, p.y, o.y, p.convolution, cudnnConvolutionBwdFilterAlgo_t(p.algorithm),
          workspace.data(), p.workspace_bytes, zero, p.w, o.w));
  }
}

}  // namespace stillpoint::kernels
