// Relative attention's entry points: they choose the device.
#include "kernels/relative_attention/relative_attention.h"

#include "kernels/relative_attention/relative_attention_cpu.h"
#if STILLPOINT_CUDA
#include "kernels/relative_attention/relative_attention_cuda.h"
#endif

namespace stillpoint::kernels {
namespace {

void zero(const Array& a) {
  if (a.data != nullptr) zero_bytes(a.data, a.device, std::size_t(a.size * size_of(a.dtype)));
}

}  // namespace

void relative_attention_forward(const RelativeAttentionShape& shape, const RelativeAttentionInputs& inputs,
                                const Array& y, const Array& log_sum) {
  if (y.size == 0) return;
#if STILLPOINT_CUDA
  if (y.device == Device::cuda) return relative_attention_forward_cuda(shape, inputs, y, log_sum);
#endif
  relative_attention_forward_cpu(shape, inputs, y, log_sum);
}

void relative_attention_backward(const RelativeAttentionShape& shape, const RelativeAttentionInputs& inputs,
                                 const Array& y, const Array& log_sum, const Array& dy,
                                 const RelativeAttentionInputs& grads) {
  if (dy.size == 0) {
    for (const Array* g : {&grads.r, &grads.b_w, &grads.b_r}) zero(*g);
    return;
  }
#if STILLPOINT_CUDA
  if (dy.device == Device::cuda)
    return relative_attention_backward_cuda(shape, inputs, y, log_sum, dy, grads);
#endif
  relative_attention_backward_cpu(shape, inputs, y, log_sum, dy, grads);
}

}  // namespace stillpoint::kernels
