// The TCN residual block on CUDA: a fused kernel per direction, and a general path for larger sizes.
#pragma once
#include "kernels/tcn_block/tcn_block.h"

namespace stillpoint::kernels {

// The contracts are those of tcn_block_forward and tcn_block_backward; the arrays are on CUDA.
void tcn_block_forward_cuda(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                            const Array& a, const Array& h, const Array& y);
void tcn_block_backward_cuda(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                             const TcnBlockMid& mid, const Array& y, const Array& dy, const Array& dx,
                             const TcnBlockWeights& grads);

// The general path for any size: implicit matrix products, with each convolution by itself.
void tcn_block_forward_general(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                               const Array& a, const Array& h, const Array& y);
void tcn_block_backward_general(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                                const TcnBlockMid& mid, const Array& y, const Array& dy, const Array& dx,
                                const TcnBlockWeights& grads);

// Partial gradients as the fused and the general backward leave them: `sets` sets. A set holds, for conv1,
// conv2 and the down-sampling map if there is one, the rows o = 0..C-1; a row holds its weights dw[o,c,j],
// followed by the bias gradient.
struct TcnPartialShape {
  std::int64_t row1, row2, row_down;  // Ci K + 1, C K + 1, Ci + 1 (0 without a down-sampling map)
  std::int64_t set_size;              // C (row1 + row2 + row_down)
};
TcnPartialShape tcn_block_partial_shape(const TcnBlockShape& shape, bool down);

// Adds the sets in order and applies the weight norm's gradient, now or later (launch/gradient_sums.h).
void tcn_block_sum_partials(const TcnBlockShape& shape, const TcnBlockWeights& weights, std::int64_t sets,
                            Buffer partials, const TcnBlockWeights& grads);

}  // namespace stillpoint::kernels
