// Stand-in for the rest of CUDA's vector types, and of what CUB's headers name and kernels here never call.
#pragma once
#include <cuda_runtime.h>

#define STILLPOINT_SIMT_1(name, T) \
  struct name##1 {                 \
    T x;                           \
  };
#define STILLPOINT_SIMT_2(name, T)        \
  struct alignas(2 * sizeof(T)) name##2 { \
    T x, y;                               \
  };
#define STILLPOINT_SIMT_3(name, T) \
  struct name##3 {                 \
    T x, y, z;                     \
  };
#define STILLPOINT_SIMT_4(name, T, bytes) \
  struct alignas(bytes) name {            \
    T x, y, z, w;                         \
  };
#define STILLPOINT_SIMT_VECTORS(name, T) \
  STILLPOINT_SIMT_1(name, T)             \
  STILLPOINT_SIMT_2(name, T)             \
  STILLPOINT_SIMT_3(name, T) STILLPOINT_SIMT_4(name##4, T, sizeof(T) < 4 ? 4 * sizeof(T) : 16)
#define STILLPOINT_SIMT_WIDE_VECTORS(name, T) \
  STILLPOINT_SIMT_VECTORS(name, T) STILLPOINT_SIMT_4(name##4_16a, T, 16) STILLPOINT_SIMT_4(name##4_32a, T, 32)
STILLPOINT_SIMT_VECTORS(char, signed char)
STILLPOINT_SIMT_VECTORS(uchar, unsigned char)
STILLPOINT_SIMT_VECTORS(short, short)
STILLPOINT_SIMT_VECTORS(ushort, unsigned short)
STILLPOINT_SIMT_WIDE_VECTORS(long, long)
STILLPOINT_SIMT_WIDE_VECTORS(ulong, unsigned long)
STILLPOINT_SIMT_WIDE_VECTORS(longlong, long long)
STILLPOINT_SIMT_WIDE_VECTORS(ulonglong, unsigned long long)
STILLPOINT_SIMT_1(int, int)
STILLPOINT_SIMT_3(int, int)
STILLPOINT_SIMT_1(uint, unsigned)
STILLPOINT_SIMT_1(float, float)
STILLPOINT_SIMT_1(double, double)
STILLPOINT_SIMT_3(double, double)
STILLPOINT_SIMT_4(double4, double, 16)
STILLPOINT_SIMT_4(double4_16a, double, 16)
STILLPOINT_SIMT_4(double4_32a, double, 32)
#undef STILLPOINT_SIMT_WIDE_VECTORS
#undef STILLPOINT_SIMT_VECTORS
#undef STILLPOINT_SIMT_4
#undef STILLPOINT_SIMT_3
#undef STILLPOINT_SIMT_2
#undef STILLPOINT_SIMT_1

enum cudaSharedMemConfig {
  cudaSharedMemBankSizeDefault = 0,
  cudaSharedMemBankSizeFourByte = 1,
  cudaSharedMemBankSizeEightByte = 2
};
unsigned __vmins2(unsigned, unsigned);
unsigned __vminu2(unsigned, unsigned);
unsigned __vmaxs2(unsigned, unsigned);
unsigned __vmaxu2(unsigned, unsigned);
template <class T>
cudaError_t cudaGetSymbolAddress(void**, const T&);
