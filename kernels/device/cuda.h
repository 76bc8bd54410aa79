// The CUDA runtime as the project uses it: checked calls, the device's one stream and library handles.
// Only files that are compiled with CUDA (or with its emulator) include this.
#pragma once
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <string>

#include "kernels/device/error.h"

namespace stillpoint::cuda {

void check(cudaError_t status, const char* call, const char* file, int line);
void check(cublasStatus_t status, const char* call, const char* file, int line);
#define STILLPOINT_CUDA_CHECK(call) ::stillpoint::cuda::check((call), #call, __FILE__, __LINE__)

// Stream and library handles of the current device, made at first use.
struct Queue {
  cudaStream_t stream = nullptr;       // all work
  cudaStream_t copy_stream = nullptr;  // uploads (kernels/device/upload.h)
  cublasHandle_t blas = nullptr;
  cublasLtHandle_t blas_lt = nullptr;
  void* workspace = nullptr;  // for cublasLt
  std::size_t workspace_bytes = 0;
  unsigned* ticket = nullptr;  // on the device; 0 between kernels, which count their blocks in it
  int multiprocessors = 0;
};
Queue& queue();

// With STILLPOINT_SYNC=1 in the environment: waits for the kernel `name`, so that its error names it. While
// work is recorded it does nothing.
void finish_where_asked(const char* name, const char* file, int line);

// The answers of the CUDA runtime about this machine.
struct DeviceFacts {
  int driver = 0, runtime = 0;  // as 1000 major + 10 minor; driver 0: no driver is installed
  int devices = 0;
  int major = 0, minor = 0;  // compute capability of the current device
};
DeviceFacts device_facts();
// Returns why the engine cannot run on such a device, and what to do about it; empty if it can.
std::string device_problem(const DeviceFacts& facts);

}  // namespace stillpoint::cuda
