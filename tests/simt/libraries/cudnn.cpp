// Implements cuDNN: handles, descriptors, and the calls of its convolutions.
#include "libraries/cudnn.h"

#include "report/ending.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

bool is_type(cudnnDataType_t type) { return type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_DOUBLE; }

cudnnStatus_t set_sizes(cudnnTensorStruct* tensor, cudnnTensorFormat_t format, cudnnDataType_t type, int n,
                        int c, int h, int w) {
  if (tensor == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  if (!is_type(type) || n < 1 || c < 1 || h < 1 || w < 1) return CUDNN_STATUS_BAD_PARAM;
  if (format != CUDNN_TENSOR_NCHW || double(n) * c * h * w > 2147483647.0) return CUDNN_STATUS_NOT_SUPPORTED;
  static_cast<cudnnTensorStruct&>(*tensor) = {true, type, n, c, h, w};
  return CUDNN_STATUS_SUCCESS;
}

template <class Perf>
cudnnStatus_t list(Pass pass, cudnnHandle_t handle, const Descriptors& d, int requested, int* returned,
                   Perf* results) {
  if (returned == nullptr || results == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  if (requested < 1) return CUDNN_STATUS_BAD_PARAM;
  *returned = 0;
  std::vector<Algorithm> all;
  if (const auto status = list_algorithms(pass, handle, d, all); status != CUDNN_STATUS_SUCCESS)
    return status;
  for (const Algorithm& a : all) {
    if (*returned == requested) break;
    Perf& p = results[*returned];
    p.algo = decltype(p.algo)(a.number);
    p.status = a.listed ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
    p.time = a.listed ? float(*returned) : -1.0f;
    p.memory = a.workspace;
    p.determinism = a.determinism;
    p.mathType = a.math;
    ++*returned;
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t reported(const char* call, cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS)
    report_use(Check::api, std::string(call) + ": " + cudnnGetErrorString(status));
  return status;
}
// A program may ask whether an algorithm supports its shapes.
cudnnStatus_t answered(const char* call, cudnnStatus_t status) {
  const bool answer = status == CUDNN_STATUS_NOT_SUPPORTED || status == CUDNN_STATUS_NOT_SUPPORTED_SHAPE;
  return answer ? status : reported(call, status);
}

cudnnStatus_t run(cudnnHandle_t handle, const PassCall& call) {
  return reported(call.name, run_pass(handle, call));
}

template <class T>
cudnnStatus_t create(T** object) {
  if (object == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  *object = new T;
  return CUDNN_STATUS_SUCCESS;
}
template <class T>
cudnnStatus_t destroy(T* object) {
  delete object;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace
}  // namespace simt

using namespace simt;

std::size_t cudnnGetVersion() { return 10000 * CUDNN_MAJOR; }

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_BAD_PARAM_NULL_POINTER:
      return "CUDNN_STATUS_BAD_PARAM_NULL_POINTER";
    case CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER:
      return "CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER";
    case CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED:
      return "CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED";
    case CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT:
      return "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT";
    case CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH:
      return "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_NOT_SUPPORTED_SHAPE:
      return "CUDNN_STATUS_NOT_SUPPORTED_SHAPE";
    case CUDNN_STATUS_EXECUTION_FAILED_CUDART:
      return "CUDNN_STATUS_EXECUTION_FAILED_CUDART";
  }
  return "CUDNN_STATUS_UNKNOWN";
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  const auto status = outside_of_captures();
  return reported(__func__, status == CUDNN_STATUS_SUCCESS ? create(handle) : status);
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  if (handle == nullptr) return reported(__func__, CUDNN_STATUS_NOT_INITIALIZED);
  const auto status = outside_of_captures();
  return reported(__func__, status == CUDNN_STATUS_SUCCESS ? destroy(handle) : status);
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  if (handle == nullptr) return reported(__func__, CUDNN_STATUS_BAD_PARAM);
  if (!is_stream(stream)) return reported(__func__, CUDNN_STATUS_BAD_PARAM);
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* tensor) {
  return reported(__func__, create(tensor));
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) {
  return reported(__func__, destroy(tensor));
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* filter) {
  return reported(__func__, create(filter));
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter) {
  return reported(__func__, destroy(filter));
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* convolution) {
  return reported(__func__, create(convolution));
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t convolution) {
  return reported(__func__, destroy(convolution));
}
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  return reported(__func__, set_sizes(tensor, format, type, n, c, h, w));
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  return reported(__func__, set_sizes(filter, format, type, k, c, h, w));
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t convolution, int pad_h, int pad_w,
                                              int stride_h, int stride_w, int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t compute_type) {
  if (convolution == nullptr) return reported(__func__, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  if (pad_h < 0 || pad_w < 0 || stride_h < 1 || stride_w < 1 || !is_type(compute_type))
    return reported(__func__, CUDNN_STATUS_BAD_PARAM);
  if (dilation_h != 1 || dilation_w != 1) return reported(__func__, CUDNN_STATUS_NOT_SUPPORTED);
  *convolution = {
      true, pad_h, pad_w, stride_h, stride_w, mode == CUDNN_CONVOLUTION, compute_type, CUDNN_DEFAULT_MATH};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution, cudnnMathType_t math) {
  if (convolution == nullptr) return reported(__func__, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  if (math != CUDNN_DEFAULT_MATH && math != CUDNN_TENSOR_OP_MATH && math != CUDNN_FMA_MATH)
    return reported(__func__, CUDNN_STATUS_BAD_PARAM);
  convolution->math = math;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                     cudnnFilterDescriptor_t w,
                                                     cudnnConvolutionDescriptor_t convolution,
                                                     cudnnTensorDescriptor_t y, int requested, int* returned,
                                                     cudnnConvolutionFwdAlgoPerf_t* results) {
  return reported(__func__,
                  list(Pass::forward, handle, {x, y, w, convolution}, requested, returned, results));
}
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                          cudnnTensorDescriptor_t dy,
                                                          cudnnConvolutionDescriptor_t convolution,
                                                          cudnnTensorDescriptor_t dx, int requested,
                                                          int* returned,
                                                          cudnnConvolutionBwdDataAlgoPerf_t* results) {
  return reported(__func__,
                  list(Pass::backward_data, handle, {dx, dy, w, convolution}, requested, returned, results));
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                            cudnnTensorDescriptor_t dy,
                                                            cudnnConvolutionDescriptor_t convolution,
                                                            cudnnFilterDescriptor_t dw, int requested,
                                                            int* returned,
                                                            cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  return reported(
      __func__, list(Pass::backward_filter, handle, {x, dy, dw, convolution}, requested, returned, results));
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                      cudnnFilterDescriptor_t w,
                                                      cudnnConvolutionDescriptor_t convolution,
                                                      cudnnTensorDescriptor_t y,
                                                      cudnnConvolutionFwdAlgo_t algorithm,
                                                      std::size_t* bytes) {
  return answered(__func__, workspace_size(Pass::forward, handle, {x, y, w, convolution}, algorithm, bytes));
}
cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                           cudnnTensorDescriptor_t dy,
                                                           cudnnConvolutionDescriptor_t convolution,
                                                           cudnnTensorDescriptor_t dx,
                                                           cudnnConvolutionBwdDataAlgo_t algorithm,
                                                           std::size_t* bytes) {
  return answered(__func__,
                  workspace_size(Pass::backward_data, handle, {dx, dy, w, convolution}, algorithm, bytes));
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                             cudnnTensorDescriptor_t dy,
                                                             cudnnConvolutionDescriptor_t convolution,
                                                             cudnnFilterDescriptor_t dw,
                                                             cudnnConvolutionBwdFilterAlgo_t algorithm,
                                                             std::size_t* bytes) {
  return answered(__func__,
                  workspace_size(Pass::backward_filter, handle, {x, dy, dw, convolution}, algorithm, bytes));
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_desc,
                                      const void* x, cudnnFilterDescriptor_t w_desc, const void* w,
                                      cudnnConvolutionDescriptor_t convolution,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace_data,
                                      std::size_t workspace_bytes, const void* beta,
                                      cudnnTensorDescriptor_t y_desc, void* y) {
  return run(handle, {"cudnnConvolutionForward",
                      Pass::forward,
                      {x_desc, y_desc, w_desc, convolution},
                      algorithm,
                      {"x", x_desc, x},
                      {"w", w_desc, w},
                      {"y", y_desc, y},
                      alpha,
                      beta,
                      workspace_data,
                      workspace_bytes});
}
cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           cudnnFilterDescriptor_t w_desc, const void* w,
                                           cudnnTensorDescriptor_t dy_desc, const void* dy,
                                           cudnnConvolutionDescriptor_t convolution,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace_data,
                                           std::size_t workspace_bytes, const void* beta,
                                           cudnnTensorDescriptor_t dx_desc, void* dx) {
  return run(handle, {"cudnnConvolutionBackwardData",
                      Pass::backward_data,
                      {dx_desc, dy_desc, w_desc, convolution},
                      algorithm,
                      {"w", w_desc, w},
                      {"dy", dy_desc, dy},
                      {"dx", dx_desc, dx},
                      alpha,
                      beta,
                      workspace_data,
                      workspace_bytes});
}
cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             cudnnTensorDescriptor_t x_desc, const void* x,
                                             cudnnTensorDescriptor_t dy_desc, const void* dy,
                                             cudnnConvolutionDescriptor_t convolution,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace_data,
                                             std::size_t workspace_bytes, const void* beta,
                                             cudnnFilterDescriptor_t dw_desc, void* dw) {
  return run(handle, {"cudnnConvolutionBackwardFilter",
                      Pass::backward_filter,
                      {x_desc, dy_desc, dw_desc, convolution},
                      algorithm,
                      {"x", x_desc, x},
                      {"dy", dy_desc, dy},
                      {"dw", dw_desc, dw},
                      alpha,
                      beta,
                      workspace_data,
                      workspace_bytes});
}
