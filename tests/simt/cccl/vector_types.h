// Stand-in for the rest of CUDA's vector types, and of what CUB's headers name and kernels here never call.
#pragma once
#include <cuda_runtime.h>

#define SIMT_1(name, T) \
  struct name##1 {      \
    T x;                \
  };
#define SIMT_2(name, T)                   \
  struct alignas(2 * sizeof(T)) name##2 { \
    T x, y;                               \
  };
#define SIMT_3(name, T) \
  struct name##3 {      \
    T x, y, z;          \
  };
#define SIMT_4(name, T, bytes) \
  struct alignas(bytes) name { \
    T x, y, z, w;              \
  };
#define SIMT_VECTORS(name, T) \
  SIMT_1(name, T)             \
  SIMT_2(name, T)             \
  SIMT_3(name, T) SIMT_4(name##4, T, sizeof(T) < 4 ? 4 * sizeof(T) : 16)
#define SIMT_WIDE_VECTORS(name, T) SIMT_VECTORS(name, T) SIMT_4(name##4_16a, T, 16) SIMT_4(name##4_32a, T, 32)
SIMT_VECTORS(char, signed char)
SIMT_VECTORS(uchar, unsigned char)
SIMT_VECTORS(short, short)
SIMT_VECTORS(ushort, unsigned short)
SIMT_WIDE_VECTORS(long, long)
SIMT_WIDE_VECTORS(ulong, unsigned long)
SIMT_WIDE_VECTORS(longlong, long long)
SIMT_WIDE_VECTORS(ulonglong, unsigned long long)
SIMT_1(int, int)
SIMT_3(int, int)
SIMT_1(uint, unsigned)
SIMT_1(float, float)
SIMT_1(double, double)
SIMT_3(double, double)
SIMT_4(double4, double, 16)
SIMT_4(double4_16a, double, 16)
SIMT_4(double4_32a, double, 32)
#undef SIMT_WIDE_VECTORS
#undef SIMT_VECTORS
#undef SIMT_4
#undef SIMT_3
#undef SIMT_2
#undef SIMT_1

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
