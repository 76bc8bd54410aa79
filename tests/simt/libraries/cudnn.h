// Descriptors of the cuDNN stand-in, and what its calls share.
#pragma once
#include <cudnn.h>

#include "libraries/convolution.h"

struct cudnnContext {
  cudaStream_t stream = nullptr;
};
struct cudnnTensorStruct {
  bool set = false;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  std::int64_t n = 0, c = 0, h = 0, w = 0;
};
struct cudnnFilterStruct : cudnnTensorStruct {};
struct cudnnConvolutionStruct {
  bool set = false;
  std::int64_t pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1;
  bool flipped = false;
  cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

namespace simt {

// The descriptors of x, y and w, as the forward pass names them.
struct Descriptors {
  const cudnnTensorStruct *x, *y;
  const cudnnFilterStruct* w;
  const cudnnConvolutionStruct* convolution;
};

struct Operand {
  const char* name;
  const cudnnTensorStruct* sizes;
  const void* data;
};

// One call of a pass, with its factors in the order of convolve().
struct PassCall {
  const char* name;
  Pass pass;
  Descriptors d;
  int algorithm;
  Operand first, second, result;
  const void *alpha, *beta;
  void* workspace;
  std::size_t workspace_bytes;
};

// Fails inside a capture, because the call would load the library's code and allocate.
cudnnStatus_t outside_of_captures();
cudnnStatus_t list_algorithms(Pass pass, cudnnHandle_t handle, const Descriptors& d,
                              std::vector<Algorithm>& all);
cudnnStatus_t workspace_size(Pass pass, cudnnHandle_t handle, const Descriptors& d, int algorithm,
                             std::size_t* bytes);
cudnnStatus_t run_pass(cudnnHandle_t handle, const PassCall& call);

}  // namespace simt
