// Causal multi-head attention with relative positions as one kernel per direction.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Legend: N batch, L length, H heads, E features of a head; i query, j key, p = i - j distance. Per head
//   s_ij = ((q_i + b_w) . k_j + (q_i + b_r) . r_{i-j}) / sqrt(E)   for j <= i
//   a_i  = softmax over j <= i of s_ij,   y_i = sum_j a_ij v_j
// Dai et al. 2019 (Transformer-XL) without memory; it is the cell of the DEQ-Transformer (Bai, Kolter, Koltun
// 2019).
struct RelativeAttentionShape {
  std::int64_t batch, length, heads, features;
};
// The kernels support up to this many features of a head.
inline constexpr std::int64_t most_head_features = 16;

// Inputs or their gradients.
struct RelativeAttentionInputs {
  Array qkv;       // (N,L,3,H,E): q, k, v
  Array r;         // (L,H,E): key of distance p in row p
  Array b_w, b_r;  // (H,E)
};

// Computes y (N,L,H,E), and log_sum (N,H,L) = log sum_j exp s_ij, which backward reads. All arrays are
// float32 or all float64, on one device. No L x L array is held. Results do not depend on the number of
// threads.
void relative_attention_forward(const RelativeAttentionShape& shape, const RelativeAttentionInputs& inputs,
                                const Array& y, const Array& log_sum);

// Computes from dy (N,L,H,E) grads.qkv and, unless their data is null, grads.r, grads.b_w and grads.b_r (all
// three).
void relative_attention_backward(const RelativeAttentionShape& shape, const RelativeAttentionInputs& inputs,
                                 const Array& y, const Array& log_sum, const Array& dy,
                                 const RelativeAttentionInputs& grads);

}  // namespace stillpoint::kernels
