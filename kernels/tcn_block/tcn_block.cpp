// The TCN block's entry points: they check the arguments and choose the device.
#include "kernels/tcn_block/tcn_block.h"

#include "kernels/tcn_block/tcn_block_cpu.h"
#if STILLPOINT_CUDA
#include "kernels/tcn_block/tcn_block_cuda.h"
#endif

namespace stillpoint::kernels {
namespace {

struct Expected {
  const char* where;
  const Array& like;

  void check(const char* name, const Array& array, std::int64_t size) const {
    require(array.size == size, where, ": ", name, " has ", array.size, " elements, expected ", size,
            ", check the shapes");
    require(array.dtype == like.dtype && array.device == like.device, where, ": ", name, " is ",
            name_of(array.dtype), " on ", name_of(array.device), ", expected ", name_of(like.dtype), " on ",
            name_of(like.device), ", convert it first");
    require(size == 0 || array.data != nullptr, where, ": ", name, " has no data, expected ", size,
            " elements, allocate it first");
  }
};

void check_shape(const char* where, const TcnBlockShape& s) {
  require(s.batch >= 0 && s.length >= 0, where, ": given batch ", s.batch, " and length ", s.length,
          ", expected neither negative, check the shapes");
  require(s.in_channels > 0 && s.channels > 0 && s.taps > 0 && s.dilation > 0, where, ": given ",
          s.in_channels, " input channels, ", s.channels, " channels, ", s.taps, " taps and dilation ",
          s.dilation, ", expected each to be positive, check the options");
}

void check_weights(const Expected& e, const TcnBlockShape& s, const TcnBlockWeights& w) {
  e.check("v1", w.v1, s.channels * s.in_channels * s.taps);
  e.check("g1", w.g1, s.channels);
  e.check("b1", w.b1, s.channels);
  e.check("v2", w.v2, s.channels * s.channels * s.taps);
  e.check("g2", w.g2, s.channels);
  e.check("b2", w.b2, s.channels);
  if (s.in_channels != s.channels) {
    e.check("down_w", w.down_w, s.channels * s.in_channels);
    e.check("down_b", w.down_b, s.channels);
    return;
  }
  require(w.down_w.data == nullptr && w.down_b.data == nullptr, e.where, ": given a down-sampling map for ",
          s.in_channels, " -> ", s.channels, " channels, expected none where they are equal, leave it empty");
}

}  // namespace

void tcn_block_forward(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                       const Array& a, const Array& h, const Array& y) {
  const Expected e{"tcn_block_forward", y};
  check_shape(e.where, shape);
  const std::int64_t positions = shape.batch * shape.length;
  e.check("x", x, shape.in_channels * positions);
  e.check("a", a, shape.channels * positions);
  e.check("h", h, shape.channels * positions);
  e.check("y", y, shape.channels * positions);
  check_weights(e, shape, weights);
  if (positions == 0) return;
#if STILLPOINT_CUDA
  if (y.device == Device::cuda) return tcn_block_forward_cuda(shape, weights, x, a, h, y);
#endif
  require(y.device == Device::cpu, e.where, ": given cuda arrays, expected cpu arrays, build with CUDA");
  dispatch_real(y.dtype, e.where,
                [&](auto zero) { tcn_block_cpu::forward<decltype(zero)>(shape, weights, x, a, h, y); });
}

void tcn_block_backward(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                        const TcnBlockMid& mid, const Array& y, const Array& dy, const Array& dx,
                        const TcnBlockWeights& grads) {
  const Expected e{"tcn_block_backward", dy};
  check_shape(e.where, shape);
  const std::int64_t positions = shape.batch * shape.length;
  e.check("x", x, shape.in_channels * positions);
  e.check("a", mid.a, shape.channels * positions);
  e.check("h", mid.h, shape.channels * positions);
  e.check("y", y, shape.channels * positions);
  e.check("dy", dy, shape.channels * positions);
  if (dx.data != nullptr) e.check("dx", dx, shape.in_channels * positions);
  check_weights(e, shape, weights);
  check_weights({"tcn_block_backward, gradients", dy}, shape, grads);
  if (positions == 0) {
    for (const Array* g :
         {&grads.v1, &grads.g1, &grads.b1, &grads.v2, &grads.g2, &grads.b2, &grads.down_w, &grads.down_b})
      if (g->data != nullptr) zero_bytes(g->data, g->device, std::size_t(g->size * size_of(g->dtype)));
    return;
  }
#if STILLPOINT_CUDA
  if (dy.device == Device::cuda) return tcn_block_backward_cuda(shape, weights, x, mid, y, dy, dx, grads);
#endif
  require(dy.device == Device::cpu, e.where, ": given cuda arrays, expected cpu arrays, build with CUDA");
  dispatch_real(dy.dtype, e.where, [&](auto zero) {
    tcn_block_cpu::backward<decltype(zero)>(shape, weights, x, mid, y, dy, dx, grads);
  });
}

}  // namespace stillpoint::kernels
