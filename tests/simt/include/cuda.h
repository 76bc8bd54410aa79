// Stand-in for the small part of the driver interface that programs of the runtime call.
#pragma once
#include "cuda_runtime.h"

#define CUDA_VERSION 13000

enum CUresult {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NOT_INITIALIZED = 3,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_DEVICE = 101
};
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUstream = cudaStream_t;
using CUevent = cudaEvent_t;

inline CUresult cuInit(unsigned flags) { return flags == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; }
inline CUresult cuDeviceGetCount(int* count) { return CUresult(cudaGetDeviceCount(count)); }
inline CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *device = ordinal;
  return ordinal == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}
inline CUresult cuDriverGetVersion(int* version) { return CUresult(cudaDriverGetVersion(version)); }
inline CUresult cuDeviceGetAttribute(int* value, cudaDeviceAttr attribute, CUdevice device) {
  return CUresult(cudaDeviceGetAttribute(value, attribute, device));
}
inline CUresult cuDeviceTotalMem(std::size_t* bytes, CUdevice device) {
  std::size_t free = 0;
  return device == 0 ? CUresult(cudaMemGetInfo(&free, bytes)) : CUDA_ERROR_INVALID_DEVICE;
}
inline CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  cudaDeviceProp properties;
  const auto error = cudaGetDeviceProperties(&properties, device);
  for (int i = 0; error == cudaSuccess && i < length; ++i)
    name[i] = i + 1 < length ? properties.name[i] : '\0';
  return CUresult(error);
}
inline CUresult cuMemGetInfo(std::size_t* free, std::size_t* total) {
  return CUresult(cudaMemGetInfo(free, total));
}
inline CUresult cuCtxSynchronize() { return CUresult(cudaDeviceSynchronize()); }
inline CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = cudaGetErrorString(cudaError_t(error));
  return CUDA_SUCCESS;
}
inline CUresult cuGetErrorName(CUresult error, const char** text) {
  *text = cudaGetErrorName(cudaError_t(error));
  return CUDA_SUCCESS;
}
