// The SIM head's entry points: they choose the device.
#include "kernels/sim_head/sim_head.h"

#include "kernels/gemm/gemm.h"
#include "kernels/sim_head/sim_head_bf16.h"
#include "kernels/sim_head/sim_head_cpu.h"
#if STILLPOINT_CUDA
#include "kernels/sim_head/sim_head_cuda.h"
#endif

namespace stillpoint::kernels {

bool sim_head_rounds_as_asked(const std::vector<SimHeadLayer>& layers, DType dtype, Device device) {
  if (device != Device::cpu || dtype != DType::float32 || precision() != Precision::bf16) return true;
  return is_narrow(layers) || sim_head_in_bf16(layers);
}

std::int64_t sim_head_saved_size(std::int64_t positions, const std::vector<SimHeadLayer>& layers,
                                 [[maybe_unused]] Device device) {
#if STILLPOINT_CUDA
  if (device == Device::cuda) return sim_head_saved_size_cuda(positions, layers);
#endif
  return sim_head_saved_size_cpu(positions, layers);
}

void sim_head_forward(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                      const Array& y, const Array& saved) {
  if (positions == 0) return;
#if STILLPOINT_CUDA
  if (x.device == Device::cuda) return sim_head_forward_cuda(positions, layers, x, y, saved);
#endif
  sim_head_forward_cpu(positions, layers, x, y, saved);
}

void sim_head_backward(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                       const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads) {
#if STILLPOINT_CUDA
  if (x.device == Device::cuda) return sim_head_backward_cuda(positions, layers, x, y, saved, dy, grads);
#endif
  sim_head_backward_cpu(positions, layers, x, y, saved, dy, grads);
}

}  // namespace stillpoint::kernels
