// Allocation, copies and the description of the device by the CUDA runtime.
#include "kernels/device/cuda_memory.h"

#include "kernels/device/cuda.h"

namespace stillpoint::kernels {

void* allocate_cuda(std::size_t bytes) {
  const cudaStream_t stream = cuda::queue().stream;
  cudaStreamCaptureStatus capturing = cudaStreamCaptureStatusNone;
  STILLPOINT_CUDA_CHECK(cudaStreamIsCapturing(stream, &capturing));
  require(capturing == cudaStreamCaptureStatusNone, "memory: asked for ", bytes,
          " new bytes while work is recorded, expected the memory of its warm-up to do, warm up with the "
          "same shapes");
  void* data = nullptr;
  cudaError_t status = cudaMallocAsync(&data, bytes, stream);
  if (status == cudaErrorMemoryAllocation) {
    // Freed memory goes back to the device only when the stream has reached the place where it was freed.
    cudaGetLastError();
    STILLPOINT_CUDA_CHECK(cudaStreamSynchronize(stream));
    status = cudaMallocAsync(&data, bytes, stream);
  }
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  cuda::check(status, "cudaMallocAsync", __FILE__, __LINE__);
  return data;
}

void free_cuda(void* data) { STILLPOINT_CUDA_CHECK(cudaFreeAsync(data, cuda::queue().stream)); }

#if STILLPOINT_SIMT
void hand_out_cuda(void* data, std::size_t bytes) { simt::mark_undefined(data, bytes, cuda::queue().stream); }
#endif

void copy_cuda(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  const cudaStream_t stream = cuda::queue().stream;
  const bool to_host = to_device == Device::cpu, from_host = from_device == Device::cpu;
  const cudaMemcpyKind kind = to_host     ? cudaMemcpyDeviceToHost
                              : from_host ? cudaMemcpyHostToDevice
                                          : cudaMemcpyDeviceToDevice;
  STILLPOINT_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, kind, stream));
  if (to_host || from_host) STILLPOINT_CUDA_CHECK(cudaStreamSynchronize(stream));
}

void zero_cuda(void* to, std::size_t bytes) {
  STILLPOINT_CUDA_CHECK(cudaMemsetAsync(to, 0, bytes, cuda::queue().stream));
}

std::pair<std::size_t, std::size_t> cuda_memory_info() {
  cuda::queue();
  std::size_t free = 0, total = 0;
  STILLPOINT_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  return {free, total};
}

bool cuda_available(std::string* why_not) {
  const std::string problem = cuda::device_problem(cuda::device_facts());
  if (why_not != nullptr) *why_not = problem;
  return problem.empty();
}

std::string cuda_summary() {
  std::string problem;
  if (!cuda_available(&problem)) return "cuda: " + problem;
  const cuda::DeviceFacts facts = cuda::device_facts();
  int device = 0;
  cudaDeviceProp properties{};
  STILLPOINT_CUDA_CHECK(cudaGetDevice(&device));
  STILLPOINT_CUDA_CHECK(cudaGetDeviceProperties(&properties, device));
  return text("cuda: ", properties.name, ", compute capability ", facts.major, '.', facts.minor, ", ",
              properties.multiProcessorCount, " multiprocessors, ", properties.totalGlobalMem >> 20,
              " MiB, driver for CUDA ", facts.driver / 1000, '.', facts.driver % 1000 / 10, ", runtime ",
              facts.runtime / 1000, '.', facts.runtime % 1000 / 10);
}

}  // namespace stillpoint::kernels
