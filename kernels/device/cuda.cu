// Checked CUDA calls, and the one stream with its library handles.
#include "kernels/device/cuda.h"

#include <string_view>

#include "kernels/device/work_graph.h"

namespace stillpoint::cuda {
namespace {

constexpr std::size_t workspace_bytes = std::size_t(32) << 20;

std::string version(int number) { return text(number / 1000, '.', number % 1000 / 10); }

const char* remedy(std::string_view error) {
  if (error == "cudaErrorMemoryAllocation") return "use a smaller batch or model";
  if (error == "cudaErrorNoKernelImageForDevice")
    return "build with CMAKE_CUDA_ARCHITECTURES set to this GPU's compute capability";
  if (error == "cudaErrorUnsupportedPtxVersion" || error == "cudaErrorInvalidPtx" ||
      error == "cudaErrorJitCompilerNotFound")
    return "update the NVIDIA driver, or build with CMAKE_CUDA_ARCHITECTURES set to this GPU's compute "
           "capability";
  if (error == "cudaErrorLaunchOutOfResources" || error == "cudaErrorInvalidConfiguration")
    return "report the kernel and this GPU's name: it asks for more than the GPU has";
  if (error == "cudaErrorDevicesUnavailable" || error == "cudaErrorDeviceAlreadyInUse")
    return "see with nvidia-smi who uses the GPU";
  if (error == "cudaErrorECCUncorrectable" || error == "cudaErrorNvlinkUncorrectable")
    return "the GPU's hardware is at fault: reset it or use another";
  if (error == "cudaErrorInsufficientDriver" || error == "cudaErrorNoDevice")
    return "install an NVIDIA driver for this CUDA version, or use --device cpu";
  if (!kernels::runs_synchronously()) return "run again with STILLPOINT_SYNC=1 to see the kernel at fault";
  return "run the program under compute-sanitizer to see the place in the kernel";
}

Queue make_queue() {
  const std::string problem = device_problem(device_facts());
  require(problem.empty(), "cuda: ", problem);
  Queue queue;
  int device = 0;
  STILLPOINT_CUDA_CHECK(cudaGetDevice(&device));
  STILLPOINT_CUDA_CHECK(
      cudaDeviceGetAttribute(&queue.multiprocessors, cudaDevAttrMultiProcessorCount, device));
  STILLPOINT_CUDA_CHECK(cudaStreamCreateWithFlags(&queue.stream, cudaStreamNonBlocking));
  STILLPOINT_CUDA_CHECK(cudaStreamCreateWithFlags(&queue.copy_stream, cudaStreamNonBlocking));
  STILLPOINT_CUDA_CHECK(cudaMalloc(&queue.workspace, workspace_bytes));
  queue.workspace_bytes = workspace_bytes;
  STILLPOINT_CUDA_CHECK(cudaMalloc(&queue.ticket, sizeof(unsigned)));
  STILLPOINT_CUDA_CHECK(cudaMemsetAsync(queue.ticket, 0, sizeof(unsigned), queue.stream));
  STILLPOINT_CUDA_CHECK(cublasCreate(&queue.blas));
  STILLPOINT_CUDA_CHECK(cublasSetStream(queue.blas, queue.stream));
  // A fixed workspace keeps cuBLAS deterministic and lets its calls be captured in graphs.
  STILLPOINT_CUDA_CHECK(cublasSetWorkspace(queue.blas, queue.workspace, workspace_bytes));
  STILLPOINT_CUDA_CHECK(cublasLtCreate(&queue.blas_lt));
  return queue;
}

}  // namespace

void check(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // so that the next call does not report this error again
  const char* const name = cudaGetErrorName(status);
  throw MachineError(text(call, " at ", file, ":", line, ": ", name, " (", cudaGetErrorString(status),
                          "), expected success, ", remedy(name)));
}

void check(cublasStatus_t status, const char* call, const char* file, int line) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(call, " at ", file, ":", line, ": ", cublasGetStatusName(status), " (", cublasGetStatusString(status),
       "), expected success, check that the CUDA toolkit and driver match and that memory is left");
}

void finish_where_asked(const char* name, const char* file, int line) {
  if (!kernels::runs_synchronously()) return;
  cudaStreamCaptureStatus capturing = cudaStreamCaptureStatusNone;
  STILLPOINT_CUDA_CHECK(cudaStreamIsCapturing(queue().stream, &capturing));
  if (capturing == cudaStreamCaptureStatusNone)
    check(cudaStreamSynchronize(queue().stream), name, file, line);
}

DeviceFacts device_facts() {
  DeviceFacts facts;
  int device = 0;
  cudaRuntimeGetVersion(&facts.runtime);
  cudaDriverGetVersion(&facts.driver);
  if (cudaGetDeviceCount(&facts.devices) != cudaSuccess) facts.devices = 0;
  if (facts.devices > 0 && cudaGetDevice(&device) == cudaSuccess) {
    cudaDeviceGetAttribute(&facts.major, cudaDevAttrComputeCapabilityMajor, device);
    cudaDeviceGetAttribute(&facts.minor, cudaDevAttrComputeCapabilityMinor, device);
  }
  cudaGetLastError();
  return facts;
}

std::string device_problem(const DeviceFacts& facts) {
  if (facts.driver == 0)
    return "found no NVIDIA driver, expected one for CUDA " + version(facts.runtime) +
           ", install it or use --device cpu";
  if (facts.driver / 1000 < facts.runtime / 1000)
    return "found an NVIDIA driver for CUDA " + version(facts.driver) + ", expected one for CUDA " +
           version(facts.runtime / 1000 * 1000) + " or later, update the driver or use --device cpu";
  if (facts.devices == 0)
    return "found no GPU, expected at least one, check nvidia-smi and CUDA_VISIBLE_DEVICES or use --device "
           "cpu";
  if (facts.major < 8)
    return text(
        "found a GPU of compute capability ", facts.major, '.', facts.minor,
        ", expected 8.0 or later (Ampere), choose another by CUDA_VISIBLE_DEVICES or use --device cpu");
  return {};
}

Queue& queue() {
  static Queue queue = make_queue();
  return queue;
}

}  // namespace stillpoint::cuda
