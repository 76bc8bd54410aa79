// Implements handles of cuBLAS, their settings, and what its calls share.
#include <algorithm>
#include <cstring>
#include <set>

#include "checks/shadow.h"
#include "libraries/cublas.h"
#include "report/ending.h"

namespace simt {
namespace {

// Is never destroyed, as streams are not.
std::set<cublasHandle_t>& handles() {
  static auto* const instance = new std::set<cublasHandle_t>;
  return *instance;
}

std::string name_of(const ApiCall& call) {
  const std::string text = call.function_name();
  const std::size_t end = text.find('('), begin = text.find_last_of(" :*&", end);
  return text.substr(begin + 1, end - begin - 1);
}

}  // namespace

cublasStatus_t status_of(cublasStatus_t status, const std::string& why, const ApiCall& call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    report_use(Check::api,
               name_of(call) + ": " + cublasGetStatusName(status) + (why.empty() ? "" : ": " + why));
  return status;
}

cublasStatus_t check_handle(cublasHandle_t handle) {
  const std::lock_guard lock(runtime_mutex());
  if (!handles().contains(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  return refuse_queueing(handle->stream) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                        : CUBLAS_STATUS_EXECUTION_FAILED;
}

void require_scalar(cublasHandle_t handle, const void* at, const char* call, const char* argument) {
  const bool device = handle->pointers == CUBLAS_POINTER_MODE_DEVICE;
  if (is_inside(at, 1, MemoryKind::device) == device || (device && is_inside(at, 1, MemoryKind::pinned)))
    return;
  throw Violation(Check::api, std::string(call) + ": " + argument +
                                  (device ? " is in host" : " is in device") +
                                  " memory, but the handle's pointer mode is that of the " +
                                  (device ? "device" : "host"));
}

double scalar(cublasPointerMode_t mode, const void* at, cudaDataType type, const char* call,
              const char* argument) {
  if (mode == CUBLAS_POINTER_MODE_DEVICE && is_inside(at, 1, MemoryKind::device))
    read_matrix({at, type, 1, 1, 1, false}, call, argument);
  return load(at, type, 0);
}

void use_workspace(void* workspace, std::size_t bytes, const char* call) {
  constexpr std::size_t most = std::size_t(64) << 10;  // an algorithm rarely uses all of it
  bytes = std::min(bytes, most);
  if (bytes == 0) return;
  require_device(workspace, bytes, call, "the workspace");
  require_ordered(workspace, bytes, (std::string(call) + ": the workspace").c_str());
  shadow_define(workspace, bytes);
  std::memset(workspace, 0xff, bytes);
}

// Looks at the columns of y that a column of x could meet, since blocks of one matrix interleave.
bool share(const Matrix& x, const Matrix& y) {
  if (!overlaps(x.data, x.span(), y.data, y.span())) return false;
  const auto from = [](const Matrix& m) { return std::int64_t(reinterpret_cast<std::uintptr_t>(m.data)); };
  const auto size = [](const Matrix& m, std::int64_t count) { return count * std::int64_t(size_of(m.type)); };
  for (std::int64_t i = 0; i < x.cols; ++i) {
    const std::int64_t begin = from(x) + size(x, i * x.ld) - from(y), end = begin + size(x, x.rows);
    const std::int64_t first = std::max<std::int64_t>(0, begin / size(y, y.ld));
    for (std::int64_t j = first; j < y.cols && size(y, j * y.ld) < end; ++j)
      if (size(y, j * y.ld + y.rows) > begin) return true;
  }
  return false;
}

void require_apart(const Matrix& result, const Matrix& operand, const char* call, const char* argument) {
  if (!share(result, operand)) return;
  throw Violation(Check::api,
                  std::string(call) + ": the result overlaps " + argument + ", which the call still reads");
}

}  // namespace simt

using namespace simt;

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}
const char* cublasGetStatusString(cublasStatus_t status) { return cublasGetStatusName(status); }

// Allocates, so that a capture may refuse it.
cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  const std::lock_guard lock(runtime_mutex());
  if (handle == nullptr) return status_of(CUBLAS_STATUS_INVALID_VALUE);
  if (refuse_unsafe() != cudaSuccess)
    return status_of(CUBLAS_STATUS_ALLOC_FAILED,
                     "it allocates, which the capture of a stream does not permit");
  *handle = *handles().insert(new cublasContext).first;
  return CUBLAS_STATUS_SUCCESS;
}
// Frees, so that it waits for the device. The handle stays, so that no later one has its address.
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  const std::lock_guard lock(runtime_mutex());
  if (handles().erase(handle) == 0) return status_of(CUBLAS_STATUS_NOT_INITIALIZED);
  return CUBLAS_STATUS_SUCCESS;
}

#define SIMT_CHECK_HANDLE() \
  if (!handles().contains(handle)) return status_of(CUBLAS_STATUS_NOT_INITIALIZED)

// Also returns to the library's own workspace.
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  SIMT_CHECK_HANDLE();
  if (!is_stream(stream))
    return status_of(CUBLAS_STATUS_INVALID_VALUE, "the stream does not exist, or was destroyed");
  handle->stream = stream;
  handle->workspace = nullptr;
  handle->workspace_bytes = 0;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t* stream) {
  SIMT_CHECK_HANDLE();
  if (stream == nullptr) return status_of(CUBLAS_STATUS_INVALID_VALUE);
  *stream = handle->stream;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  SIMT_CHECK_HANDLE();
  const int base = int(mode) & ~int(CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
  if (base < CUBLAS_DEFAULT_MATH || base > CUBLAS_TF32_TENSOR_OP_MATH)
    return status_of(CUBLAS_STATUS_INVALID_VALUE);
  handle->math = cublasMath_t(base);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t* mode) {
  SIMT_CHECK_HANDLE();
  if (mode == nullptr) return status_of(CUBLAS_STATUS_INVALID_VALUE);
  *mode = handle->math;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode) {
  SIMT_CHECK_HANDLE();
  if (mode != CUBLAS_POINTER_MODE_HOST && mode != CUBLAS_POINTER_MODE_DEVICE)
    return status_of(CUBLAS_STATUS_INVALID_VALUE);
  handle->pointers = mode;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetPointerMode(cublasHandle_t handle, cublasPointerMode_t* mode) {
  SIMT_CHECK_HANDLE();
  if (mode == nullptr) return status_of(CUBLAS_STATUS_INVALID_VALUE);
  *mode = handle->pointers;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode) {
  SIMT_CHECK_HANDLE();
  handle->atomics = mode;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetVersion(cublasHandle_t handle, int* version) {
  SIMT_CHECK_HANDLE();
  if (version == nullptr) return status_of(CUBLAS_STATUS_INVALID_VALUE);
  *version = 130000;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes) {
  SIMT_CHECK_HANDLE();
  const bool aligned = reinterpret_cast<std::uintptr_t>(workspace) % 256 == 0;
  if (bytes > 0 && (!aligned || !is_inside(workspace, bytes, MemoryKind::device)))
    return status_of(CUBLAS_STATUS_INVALID_VALUE,
                     "the workspace is not device memory of that size, or not aligned to "
                     "256 bytes");
  handle->workspace = workspace;
  handle->workspace_bytes = bytes;
  return CUBLAS_STATUS_SUCCESS;
}
