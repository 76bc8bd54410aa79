// Events of CUDA on the compute stream.
#include "kernels/device/cuda.h"
#include "kernels/stopwatch/stopwatch.h"

namespace stillpoint::kernels {

void* make_event() {
  cudaEvent_t event = nullptr;
  STILLPOINT_CUDA_CHECK(cudaEventCreate(&event));
  return event;
}

void end_event(void* event) noexcept {
  if (event != nullptr) cudaEventDestroy(static_cast<cudaEvent_t>(event));
}

void mark_event(void* event) {
  STILLPOINT_CUDA_CHECK(cudaEventRecord(static_cast<cudaEvent_t>(event), cuda::queue().stream));
}

double milliseconds_between(void* first, void* last) {
  float ms = 0;
  STILLPOINT_CUDA_CHECK(cudaEventSynchronize(static_cast<cudaEvent_t>(last)));
  STILLPOINT_CUDA_CHECK(
      cudaEventElapsedTime(&ms, static_cast<cudaEvent_t>(first), static_cast<cudaEvent_t>(last)));
  return ms;
}

}  // namespace stillpoint::kernels
