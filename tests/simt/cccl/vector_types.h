// Stand-in for CUDA 13's vector types with a chosen alignment, and what CUB's headers name and kernels here
// never call.
#pragma once
#include <cuda_runtime.h>

#define SIMT_WIDE_VECTORS(name, T) \
  struct alignas(16) name##4_16a { \
    T x, y, z, w;                  \
  };                               \
  struct alignas(32) name##4_32a { \
    T x, y, z, w;                  \
  };
SIMT_WIDE_VECTORS(long, long)
SIMT_WIDE_VECTORS(ulong, unsigned long)
SIMT_WIDE_VECTORS(longlong, long long)
SIMT_WIDE_VECTORS(ulonglong, unsigned long long)
SIMT_WIDE_VECTORS(double, double)
#undef SIMT_WIDE_VECTORS

enum cudaSharedMemConfig {
  cudaSharedMemBankSizeDefault = 0,
  cudaSharedMemBankSizeFourByte = 1,
  cudaSharedMemBankSizeEightByte = 2
};
unsigned __vmins2(unsigned, unsigned);
unsigned __vminu2(unsigned, unsigned);
unsigned __vmaxs2(unsigned, unsigned);
unsigned __vmaxu2(unsigned, unsigned);
