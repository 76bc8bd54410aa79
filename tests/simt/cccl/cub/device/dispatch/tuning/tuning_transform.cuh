// CUB's choice of an algorithm for transform, less the one by bulk copies, which is PTX.
#pragma once
#include <cub/detail/detect_cuda_runtime.cuh>
#include <cub/util_device.cuh>

#include <thrust/type_traits/is_contiguous_iterator.h>
#include <thrust/type_traits/is_trivially_relocatable.h>

#include <cuda/std/__cccl/execution_space.h>
#include <cuda/std/bit>

// Nvc++ has no bulk copies.
#pragma push_macro("_CCCL_CUDA_COMPILER_NVHPC")
#undef _CCCL_CUDA_COMPILER_NVHPC
#define _CCCL_CUDA_COMPILER_NVHPC() (25, 1)
#include_next <cub/device/dispatch/tuning/tuning_transform.cuh>
#pragma pop_macro("_CCCL_CUDA_COMPILER_NVHPC")
