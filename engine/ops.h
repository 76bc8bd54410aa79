// The differentiable ops. Each takes tensors of one dtype on one device and records how to differentiate
// itself.
#pragma once
#include <vector>

#include "engine/tensor.h"
#include "kernels/sim_head/sim_head.h"

namespace stillpoint {

// Element-wise; binary ones broadcast as NumPy does (sizes of 1 and missing leading axes repeat).
Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
Tensor divide(const Tensor& a, const Tensor& b);
Tensor affine(const Tensor& x, double alpha, double beta);  // alpha x + beta
Tensor clone(const Tensor& x);                              // the values in new memory
Tensor negate(const Tensor& x);
Tensor relu(const Tensor& x);
Tensor exponential(const Tensor& x);
Tensor logarithm(const Tensor& x);
Tensor square_root(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor sine(const Tensor& x);
Tensor cosine(const Tensor& x);
Tensor hyperbolic_tangent(const Tensor& x);
Tensor square(const Tensor& x);
Tensor sigmoid(const Tensor& x);   // 1 / (1 + exp(-x))
Tensor absolute(const Tensor& x);  // gradient 0 at 0
// If elements are equal, the first takes the gradient; a NaN in either makes a NaN.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor clamp(const Tensor& x, double low,
             double high);                         // gradient 1 on [low, high]; Error unless low <= high
Tensor greater(const Tensor& a, const Tensor& b);  // 1 where a > b, 0 elsewhere; unrecorded
// a where the condition (any dtype) is not 0, b elsewhere; what is not chosen may be infinite or NaN.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return subtract(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return multiply(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return divide(a, b); }
inline Tensor operator*(double a, const Tensor& x) { return affine(x, a, 0); }
inline Tensor operator*(const Tensor& x, double a) { return affine(x, a, 0); }
inline Tensor operator/(const Tensor& x, double a) { return affine(x, 1 / a, 0); }
inline Tensor operator+(const Tensor& x, double b) { return affine(x, 1, b); }
inline Tensor operator-(const Tensor& x, double b) { return affine(x, 1, -b); }
inline Tensor operator-(const Tensor& x) { return negate(x); }

// Shape ops; `axes`, `from` and `to` name every axis. A single axis may be negative: it counts from the end.
Tensor reshape(const Tensor& x, Shape shape);                          // one size may be -1
Tensor permute(const Tensor& x, const std::vector<Index>& axes);       // y's axis i is x's axis axes[i]
Tensor transpose(const Tensor& x, Index a = -2, Index b = -1);         // exchanges two axes
Tensor expand(const Tensor& x, const Shape& shape);                    // NumPy broadcasting to `shape`
Tensor slice(const Tensor& x, const Shape& from, const Shape& to);     // x[from:to) on every axis
Tensor pad(const Tensor& x, const Shape& before, const Shape& shape);  // zeros around x inside `shape`
// One after another along an axis that exists (sizes of the others equal), or along a new one (equal shapes).
Tensor concat(const std::vector<Tensor>& parts, Index axis = 0);
Tensor stack(const std::vector<Tensor>& parts, Index axis = 0);
// Sums; sum_to is the adjoint of expand.
Tensor sum_to(const Tensor& x, const Shape& shape);
Tensor sum(const Tensor& x);   // to shape (1)
Tensor mean(const Tensor& x);  // to shape (1)
// Over some axes, which leave the shape, or stay in it with size 1; to shape (1) where no other is left.
struct SumOptions {
  bool keep_axes = false;
};
Tensor sum(const Tensor& x, const std::vector<Index>& axes, SumOptions options = {});
Tensor mean(const Tensor& x, const std::vector<Index>& axes, SumOptions options = {});
// Returns the place of the largest element along an axis, which leaves the shape as in sum; int32, without a
// derivative. The first of equal ones; a NaN counts as infinity. Throws Error if the axis has no elements.
Tensor argmax(const Tensor& x, Index axis = -1);

// op(a) (m,k) op(b) (k,n) for matrices, or for batches of them: axes before the last two broadcast. More than
// one product is computed in the operands' own type, whatever kernels::precision() is.
struct MatmulOptions {
  bool transpose_a = false, transpose_b = false;
};
Tensor matmul(const Tensor& a, const Tensor& b, MatmulOptions options = {});
// x (...,in) w^T + b with w (out,in), b (out) or undefined.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b = {});
// relu(linear(x, w, b)) in one pass.
Tensor linear_relu(const Tensor& x, const Tensor& w, const Tensor& b);

// Random Fourier lift of a projection p (rows,m): sqrt(1/m) [cos p, sin p] (rows,2m).
Tensor lift(const Tensor& p);
Tensor lift_adjoint(const Tensor& y, const Tensor& g);
Tensor lift_tangent(const Tensor& y, const Tensor& u);

// Dilated causal convolution, x (N,Ci,T), w (Co,Ci,K) -> (N,Co,T); see kernels/conv1d/conv1d.h.
struct Conv1dOptions {
  Index dilation = 1;
};
Tensor conv1d(const Tensor& x, const Tensor& w, Conv1dOptions options = {});
Tensor conv1d_data_adjoint(const Tensor& y, const Tensor& w, Conv1dOptions options);
Tensor conv1d_weight_adjoint(const Tensor& y, const Tensor& x, Index taps, Conv1dOptions options);

// Two-dimensional convolution, x (N,Ci,H,W), w (Co,Ci,Kh,Kw) -> (N,Co,Ho,Wo); see kernels/conv2d/conv2d.h. A
// circular border wraps around instead of being zero.
struct Conv2dOptions {
  Index stride = 1, padding = 0;
  bool circular = false;
};
Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dOptions options = {});
// Adds b_o, b (Co), in the same pass.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, Conv2dOptions options = {});
// height_width and kernel are the two sizes that y does not determine.
Tensor conv2d_data_adjoint(const Tensor& y, const Tensor& w, const Shape& height_width,
                           Conv2dOptions options);
Tensor conv2d_weight_adjoint(const Tensor& y, const Tensor& x, const Shape& kernel, Conv2dOptions options);
// relu(gain_c z + shift_c) with z = (x - mean_c) / sqrt(variance_c + 1e-5), x (N,C,H,W), all others (C)
// (Ioffe, Szegedy 2015). mean and variance (divided by N H W) are the batch's and unrecorded; running
// statistics use them.
struct BatchNormValue {
  Tensor y, mean, variance;
};
// With a pool, y is max_pool2d(y, pool), computed in the same sweeps.
struct BatchNormOptions {
  Index pool = 1;
};
BatchNormValue batch_norm_relu(const Tensor& x, const Tensor& gain, const Tensor& shift,
                               BatchNormOptions options = {});
// The same with given statistics.
Tensor batch_norm_relu_inference(const Tensor& x, const Tensor& gain, const Tensor& shift, const Tensor& mean,
                                 const Tensor& variance, BatchNormOptions options = {});
// Largest of each size x size window, x (N,C,H,W) -> (N,C,H/size,W/size) rounded down. If values are
// equal, the first takes the gradient; a NaN counts as the largest.
Tensor max_pool2d(const Tensor& x, Index size);
// w_o = g_o v_o / ||v_o|| over all axes of v except the first (Salimans, Kingma 2016).
Tensor weight_norm(const Tensor& v, const Tensor& g);

// One TCN residual block; see kernels/tcn_block/tcn_block.h. down_w (C,Ci), down_b (C) are undefined if Ci ==
// C.
struct TcnBlockParams {
  Tensor v1, g1, b1, v2, g2, b2, down_w, down_b;
};
Tensor tcn_block(const Tensor& x, const TcnBlockParams& params, Conv1dOptions options);
// The same from conv1d, weight_norm, relu: the reference, and the path of the block's higher derivatives.
Tensor tcn_block_reference(const Tensor& x, const TcnBlockParams& params, Conv1dOptions options);

// One layer of the fused head: act(z w^T + b); fourier doubles the width; b may be undefined.
using kernels::Activation;
struct HeadLayer {
  Tensor w, b;
  Activation activation = Activation::identity;
};
// Sends x (P,in) through the layers in tiles of positions; see kernels/sim_head/sim_head.h.
Tensor sim_head(const Tensor& x, const std::vector<HeadLayer>& layers);
// The same from linear, relu, lift.
Tensor sim_head_reference(const Tensor& x, const std::vector<HeadLayer>& layers);
// U V^T x for x (P,d), u (d,p), vt (p,d): the Koopman low-rank product (SIM paper eq. 9), one pass over x.
Tensor koopman(const Tensor& x, const Tensor& u, const Tensor& vt);
// psi(x) = sqrt(1/m) [cos(omega x), sin(omega x)], omega (m,d): the lift fused with its projection.
Tensor random_fourier_features(const Tensor& x, const Tensor& omega);

// (x - mean) / sqrt(variance + 1e-5) over the last axis, without gain and bias (Ba, Kiros, Hinton 2016).
Tensor layer_norm(const Tensor& x);

// Causal multi-head attention with relative positions; see kernels/relative_attention/relative_attention.h.
// qkv (N,L,3HE), r (L,HE) with distance p in row p, b_w and b_r (H,E) -> (N,L,HE).
Tensor relative_attention(const Tensor& qkv, const Tensor& r, const Tensor& b_w, const Tensor& b_r);
// The same from matmul, softmax and shapes, with L x L scores: the reference, and the path of higher
// derivatives.
Tensor relative_attention_reference(const Tensor& qkv, const Tensor& r, const Tensor& b_w, const Tensor& b_r);

Tensor softmax(const Tensor& x);  // over the last axis
// Losses, shape (1). labels int32 (rows) in [0,classes).
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels);  // mean over rows
// Sum over rows, each times its weight (rows), which has no gradient: 0 leaves a row out.
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& weights);
Tensor mean_squared_error(const Tensor& x, const Tensor& target);  // mean over elements

// table (V,d), ids int32 (n) -> (n,d); ids must lie in [0,V), which is checked if they are on the host.
Tensor embedding(const Tensor& table, const Tensor& ids);
Tensor embedding_adjoint(const Tensor& y, const Tensor& ids, Index vocabulary);
// y[.., j, ..] = x[.., ids[.., j, ..], ..] along an axis; ids int32 of x's shape except for that axis,
// checked as above.
Tensor gather(const Tensor& x, const Tensor& ids, Index axis = -1);

// labels and predicted int32 (rows) in [0,classes) -> int32 (classes,classes): [i,j] counts the rows with
// label i for which j was predicted. It has no derivative.
Tensor confusion(const Tensor& labels, const Tensor& predicted, Index classes);

}  // namespace stillpoint
