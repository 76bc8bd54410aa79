// The algorithm, descriptors and workspace that cuDNN uses for a convolution, chosen once per shape. Only
// files that are compiled with cuDNN include this.
#pragma once
#include <cudnn.h>

#include "kernels/conv2d/conv2d.h"
#include "kernels/device/cuda.h"
#include "kernels/gemm/gemm.h"

namespace stillpoint::cuda {

void check(cudnnStatus_t status, const char* call, const char* file, int line);

}  // namespace stillpoint::cuda

namespace stillpoint::kernels {

enum class Conv2dPass { forward, data_adjoint, weight_adjoint };

struct Conv2dKey {
  Conv2dPass pass;
  Conv2dShape shape;  // with a zero border
  DType dtype;
  Precision precision;
};

struct Conv2dPlan {
  cudnnTensorDescriptor_t x = nullptr, y = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  int algorithm = 0;  // in the pass's own enumeration
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
  std::size_t workspace_bytes = 0;
  bool found = false;  // false: cuDNN has no deterministic algorithm of that precision for this shape
};
// Makes the plan at the first call with the key, which may not be while work is recorded, and keeps it for
// the process.
const Conv2dPlan& conv2d_plan(const Conv2dKey& key);

struct Conv2dOperands {
  void *x, *w, *y;
};
void run_conv2d(const Conv2dKey& key, const Conv2dPlan& plan, const Conv2dOperands& operands);

}  // namespace stillpoint::kernels
