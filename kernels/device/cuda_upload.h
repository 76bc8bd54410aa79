// Transfers through pinned memory and a copy stream. Only files compiled with CUDA include this.
#pragma once
#include "kernels/device/cuda.h"

namespace stillpoint::kernels {

// Has the contract of Upload. Pinned memory, staging buffer and events are made at first use and grow with
// the transfers.
class CudaUpload {
 public:
  CudaUpload() = default;
  ~CudaUpload();
  CudaUpload(const CudaUpload&) = delete;
  CudaUpload& operator=(const CudaUpload&) = delete;

  void start(const void* data, std::size_t bytes);
  void finish(void* to);

 private:
  void reserve(std::size_t bytes);
  void release() noexcept;

  void *pinned_ = nullptr, *staging_ = nullptr;
  std::size_t capacity_ = 0, bytes_ = 0;
  cudaEvent_t copied_ = nullptr;    // pinned -> staging, on the copy stream
  cudaEvent_t consumed_ = nullptr;  // staging -> its place, on the compute stream
};

}  // namespace stillpoint::kernels
