// Where the TCN block's partial weight gradients lie on CUDA, and where their sums go.
#include "kernels/launch/gradient_sums.h"
#include "kernels/tcn_block/tcn_block_cuda.h"

namespace stillpoint::kernels {

TcnPartialShape tcn_block_partial_shape(const TcnBlockShape& s, bool down) {
  const Index row1 = s.in_channels * s.taps + 1, row2 = s.channels * s.taps + 1;
  const Index row_down = down ? s.in_channels + 1 : 0;
  return {row1, row2, row_down, s.channels * (row1 + row2 + row_down)};
}

void tcn_block_sum_partials(const TcnBlockShape& shape, const TcnBlockWeights& weights, std::int64_t sets,
                            Buffer partials, const TcnBlockWeights& grads) {
  const bool down = weights.down_w.data != nullptr;
  const TcnPartialShape p = tcn_block_partial_shape(shape, down);
  GradientSets sums{std::move(partials), sets, p.set_size, grads.v1.dtype, {}};
  const auto add = [&](Index start, Index row, const GradientRows& arrays) {
    sums.rows.push_back(arrays);
    GradientRows& rows = sums.rows.back();
    rows.start = start;
    rows.rows = shape.channels;
    rows.weights = row - 1;
    rows.pitch = row;
  };
  add(0, p.row1, {.dw = grads.v1, .db = grads.b1, .v = weights.v1, .gain = weights.g1, .dg = grads.g1});
  add(shape.channels * p.row1, p.row2,
      {.dw = grads.v2, .db = grads.b2, .v = weights.v2, .gain = weights.g2, .dg = grads.g2});
  if (down) add(shape.channels * (p.row1 + p.row2), p.row_down, {.dw = grads.down_w, .db = grads.down_b});
  sum_gradients(std::move(sums));
}

}  // namespace stillpoint::kernels
