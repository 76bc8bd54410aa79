// Causal relative attention as one op; its higher derivatives go through the composition of plain ops.
#include "kernels/relative_attention/relative_attention.h"

#include <cmath>
#include <limits>

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

kernels::RelativeAttentionInputs arrays_of(const Tensors& t) {
  const auto array = [](const Tensor& x) { return x.defined() ? x.array() : Array{}; };
  return {array(t[0]), array(t[1]), array(t[2]), array(t[3])};
}

kernels::RelativeAttentionShape checked_shape(const Tensors& inputs) {
  const char* const op = "relative_attention";
  const Tensor &qkv = inputs[0], &b_w = inputs[2];
  require_rank(op, "qkv", qkv, 3);
  require_rank(op, "b_w", b_w, 2);
  const Index heads = b_w.dim(0), features = b_w.dim(1), length = qkv.dim(1);
  require(heads > 0 && features > 0 && features <= kernels::most_head_features, op, ": given ", heads,
          " heads of ", features, " features, expected at least one head of 1 to ",
          kernels::most_head_features, " features, take more heads");
  require_shape(op, "qkv", qkv, {qkv.dim(0), length, 3 * heads * features});
  require_shape(op, "r", inputs[1], {length, heads * features});
  require_shape(op, "b_r", inputs[3], {heads, features});
  for (const Tensor& t : inputs) require_same_kind(op, qkv, t);
  return {qkv.dim(0), length, heads, features};
}

// Computes the gradients by the kernel, unrecorded.
Tensors fused_vjp(const VjpContext& c, const kernels::RelativeAttentionShape& shape, const Tensor& log_sum) {
  const bool parameters = c.wants(1) || c.wants(2) || c.wants(3);
  Tensors gradients;
  for (std::size_t i = 0; i < c.inputs.size(); ++i)
    gradients.push_back(i == 0 || parameters ? Tensor::empty(c.inputs[i].shape(), c.g.options()) : Tensor());
  kernels::relative_attention_backward(shape, arrays_of(c.inputs), c.y.array(), log_sum.array(), c.g.array(),
                                       arrays_of(gradients));
  return gradients;
}

// reversed has ones at [i, L-1-i], and causal is -inf for j > i, both (L,L).
struct Positions {
  Tensor reversed, causal;
  Positions(Index length, TensorOptions options) {
    std::vector<double> ones(std::size_t(length * length)), bias(ones.size());
    for (Index i = 0; i < length; ++i) {
      ones[std::size_t(i * length + length - 1 - i)] = 1;
      for (Index j = i + 1; j < length; ++j)
        bias[std::size_t(i * length + j)] = -std::numeric_limits<double>::infinity();
    }
    reversed = Tensor::from(ones, {length, length}, options);
    causal = Tensor::from(bias, {length, length}, options);
  }
};

// Returns columns [at, at + E) of x's sample n as a matrix (L,E); x (N,L,.).
Tensor columns(const Tensor& x, Index n, Index at, Index features) {
  return reshape(slice(x, {n, 0, at}, {n + 1, x.dim(1), at + features}), {x.dim(1), features});
}

// Returns the part of y (L,E) of one head of one sample.
Tensor head_reference(const Tensors& in, const Positions& positions, Index n, Index head) {
  const Index length = in[0].dim(1), heads = in[2].dim(0), features = in[2].dim(1), at = head * features;
  const Tensor q = columns(in[0], n, at, features),
               k = columns(in[0], n, (heads + head) * features, features),
               v = columns(in[0], n, (2 * heads + head) * features, features),
               r = slice(in[1], {0, at}, {length, at + features});
  const auto bias = [&](const Tensor& b) { return slice(b, {head, 0}, {head + 1, features}); };
  const Tensor by_key = matmul(q + bias(in[2]), k, {.transpose_b = true});
  // Column c holds distance L-1-c. A zero column before it, read in rows of L, moves row i to the left by
  // L-1-i.
  const Tensor by_distance = matmul(q + bias(in[3]), matmul(positions.reversed, r), {.transpose_b = true});
  const Tensor shifted = slice(reshape(pad(by_distance, {0, 1}, {length, length + 1}), {length + 1, length}),
                               {1, 0}, {length + 1, length});
  const Tensor scores = affine(by_key + shifted, 1 / std::sqrt(double(features)), 0) + positions.causal;
  return matmul(softmax(scores), v);
}

}  // namespace

// The gradients read the inputs, the output and the logarithms of the rows' sums.
Tensor relative_attention(const Tensor& qkv, const Tensor& r, const Tensor& b_w, const Tensor& b_r) {
  const Tensors inputs{qkv, r, b_w, b_r};
  const kernels::RelativeAttentionShape shape = checked_shape(inputs);
  Tensor y = Tensor::empty({shape.batch, shape.length, shape.heads * shape.features}, qkv.options());
  const Tensor log_sum = Tensor::empty({shape.batch, shape.heads, shape.length}, qkv.options());
  kernels::relative_attention_forward(shape, arrays_of(inputs), y.array(), log_sum.array());
  return record(y, "relative_attention", inputs, [shape, log_sum](const VjpContext& c) {
    if (!Recording::on()) return fused_vjp(c, shape, log_sum);
    return grad_through(c, relative_attention_reference(c.inputs[0], c.inputs[1], c.inputs[2], c.inputs[3]));
  });
}

Tensor relative_attention_reference(const Tensor& qkv, const Tensor& r, const Tensor& b_w,
                                    const Tensor& b_r) {
  const Tensors inputs{qkv, r, b_w, b_r};
  const auto [batch, length, heads, features] = checked_shape(inputs);
  const Positions positions(length, qkv.options());
  const Shape whole{batch, length, heads * features};
  Tensor y = Tensor::zeros(whole, qkv.options());
  for (Index n = 0; n < batch; ++n)
    for (Index head = 0; head < heads; ++head)
      y = y + pad(reshape(head_reference(inputs, positions, n, head), {1, length, features}),
                  {n, 0, head * features}, whole);
  return y;
}

}  // namespace stillpoint
