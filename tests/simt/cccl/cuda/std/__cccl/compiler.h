// CCCL's knowledge of the compiler, which is g++ here: simt++ defines __CUDACC__ for programs only.
#pragma once
#pragma push_macro("__CUDACC__")
#pragma push_macro("__NVCC__")
#undef __CUDACC__
#undef __NVCC__
#include_next <cuda/std/__cccl/compiler.h>
#pragma pop_macro("__NVCC__")
#pragma pop_macro("__CUDACC__")

// Thrust has no algorithms for the device unless some compiler of CUDA is there.
#undef _CCCL_HAS_CUDA_COMPILER
#define _CCCL_HAS_CUDA_COMPILER() 1
