// The handle of cuBLAS, and what its calls share.
#pragma once
#include <cublas_v2.h>

#include <source_location>

#include "libraries/blas.h"
#include "runtime/runtime.h"

struct cublasContext {
  cudaStream_t stream = nullptr;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
  cublasPointerMode_t pointers = CUBLAS_POINTER_MODE_HOST;
  cublasAtomicsMode_t atomics = CUBLAS_ATOMICS_NOT_ALLOWED;
  void* workspace = nullptr;  // of the program
  std::size_t workspace_bytes = 0;
};

namespace simt {

// Reports a status that is not success, and returns it.
cublasStatus_t status_of(cublasStatus_t status, const std::string& why = "",
                         const ApiCall& call = ApiCall::current());
// Returns CUBLAS_STATUS_NOT_INITIALIZED for a handle that no create call returned or that was destroyed, and
// CUBLAS_STATUS_EXECUTION_FAILED if a capture does not permit work on its stream.
cublasStatus_t check_handle(cublasHandle_t handle);
// Throws a Violation if a scalar is not where the pointer mode says.
void require_scalar(cublasHandle_t handle, const void* scalar, const char* call, const char* argument);
// Returns a scalar's value, in queued work if the pointer mode is that of the device.
double scalar(cublasPointerMode_t mode, const void* at, cudaDataType type, const char* call,
              const char* argument);
// Notes that a call writes the workspace that the program gave, whose data are lost.
void use_workspace(void* workspace, std::size_t bytes, const char* call);
// Returns whether two matrices share an element.
bool share(const Matrix& x, const Matrix& y);
// Throws a Violation if the result of a call shares memory with an operand.
void require_apart(const Matrix& result, const Matrix& operand, const char* call, const char* argument);

}  // namespace simt
