// Thrust's kernels, whose bodies nvcc compiles for the device only.
#pragma once
#include <thrust/system/cuda/detail/core/triple_chevron_launch.h>
#include <thrust/system/cuda/detail/core/util.h>

#pragma push_macro("__CUDA_ARCH__")
#undef __CUDA_ARCH__
#define __CUDA_ARCH__ 900
#include_next <thrust/system/cuda/detail/core/agent_launcher.h>
#pragma pop_macro("__CUDA_ARCH__")
