// Transfers through pinned memory and a copy stream.
#include "kernels/device/cuda_upload.h"

#include <cstring>

namespace stillpoint::kernels {

CudaUpload::~CudaUpload() { release(); }

// A destructor has nobody to report errors to, and the driver may have ended before it runs.
void CudaUpload::release() noexcept {
  if (capacity_ == 0) return;
  cudaEventSynchronize(copied_);
  cudaEventSynchronize(consumed_);
  cudaEventDestroy(copied_);
  cudaEventDestroy(consumed_);
  cudaFree(staging_);
  cudaFreeHost(pinned_);
  capacity_ = 0;
}

void CudaUpload::reserve(std::size_t bytes) {
  if (bytes <= capacity_) return;
  release();
  STILLPOINT_CUDA_CHECK(cudaEventCreateWithFlags(&copied_, cudaEventDisableTiming));
  STILLPOINT_CUDA_CHECK(cudaEventCreateWithFlags(&consumed_, cudaEventDisableTiming));
  STILLPOINT_CUDA_CHECK(cudaHostAlloc(&pinned_, bytes, cudaHostAllocDefault));
  STILLPOINT_CUDA_CHECK(cudaMalloc(&staging_, bytes));
  capacity_ = bytes;
}

void CudaUpload::start(const void* data, std::size_t bytes) {
  bytes_ = bytes;
  if (bytes == 0) return;
  const cudaStream_t stream = cuda::queue().copy_stream;
  reserve(bytes);
  STILLPOINT_CUDA_CHECK(cudaEventSynchronize(copied_));  // until the pinned memory is free again
  std::memcpy(pinned_, data, bytes);
  STILLPOINT_CUDA_CHECK(cudaStreamWaitEvent(stream, consumed_));
  STILLPOINT_CUDA_CHECK(cudaMemcpyAsync(staging_, pinned_, bytes, cudaMemcpyHostToDevice, stream));
  STILLPOINT_CUDA_CHECK(cudaEventRecord(copied_, stream));
}

void CudaUpload::finish(void* to) {
  if (bytes_ == 0) return;
  const cudaStream_t stream = cuda::queue().stream;
  STILLPOINT_CUDA_CHECK(cudaStreamWaitEvent(stream, copied_));
  STILLPOINT_CUDA_CHECK(cudaMemcpyAsync(to, staging_, bytes_, cudaMemcpyDeviceToDevice, stream));
  STILLPOINT_CUDA_CHECK(cudaEventRecord(consumed_, stream));
}

}  // namespace stillpoint::kernels
