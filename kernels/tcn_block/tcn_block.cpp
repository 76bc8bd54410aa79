// The TCN block's entry points: they choose the device.
#include "kernels/tcn_block/tcn_block.h"

#include "kernels/tcn_block/tcn_block_cpu.h"
#if STILLPOINT_CUDA
#include "kernels/tcn_block/tcn_block_cuda.h"
#endif

namespace stillpoint::kernels {

void tcn_block_forward(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                       const Array& a, const Array& h, const Array& y) {
  if (shape.batch * shape.length == 0) return;
#if STILLPOINT_CUDA
  if (y.device == Device::cuda) return tcn_block_forward_cuda(shape, weights, x, a, h, y);
#endif
  dispatch_real(y.dtype, "tcn_block_forward",
                [&](auto zero) { tcn_block_cpu::forward<decltype(zero)>(shape, weights, x, a, h, y); });
}

void tcn_block_backward(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                        const TcnBlockMid& mid, const Array& y, const Array& dy, const Array& dx,
                        const TcnBlockWeights& grads) {
  if (shape.batch * shape.length == 0) {
    for (const Array* g :
         {&grads.v1, &grads.g1, &grads.b1, &grads.v2, &grads.g2, &grads.b2, &grads.down_w, &grads.down_b})
      if (g->data != nullptr) zero_bytes(g->data, g->device, std::size_t(g->size * size_of(g->dtype)));
    return;
  }
#if STILLPOINT_CUDA
  if (dy.device == Device::cuda) return tcn_block_backward_cuda(shape, weights, x, mid, y, dy, dx, grads);
#endif
  dispatch_real(dy.dtype, "tcn_block_backward", [&](auto zero) {
    tcn_block_cpu::backward<decltype(zero)>(shape, weights, x, mid, y, dy, dx, grads);
  });
}

}  // namespace stillpoint::kernels
