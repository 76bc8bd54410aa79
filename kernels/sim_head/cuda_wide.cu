// The SIM head on CUDA layer by layer: library products with their epilogues, for chains too wide to fuse.
#include "kernels/gemm/gemm_cuda.h"
#include "kernels/launch/column_sum.h"
#include "kernels/launch/stream.h"
#include "kernels/lift/lift.h"
#include "kernels/sim_head/sim_head_cuda.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct ReluAdjoint {
  const T *z, *dz;
  T* y;
  STILLPOINT_HD T value(Index i) const {
    const T gate = z[i], g = dz[i];
    return gate > T(0) ? g : T(0);
  }
};

// partial (sets, columns)
template <class T>
struct PlainSink {
  T* partial;
  Index columns;
  STILLPOINT_HD void operator()(Index set, Index c, T value) const { partial[set * columns + c] = value; }
};

// sums (columns) = sum over rows of x (rows,columns), in an order that depends only on the shape.
template <class T>
void sum_columns(const Array& x, Index rows, Index columns, const Array& sums) {
  const Index wanted = std::clamp<Index>(rows / 256, 1, 64), per_set = (rows + wanted - 1) / wanted;
  const Index sets = (rows + per_set - 1) / per_set;
  if (sets == 1)
    return launch_column_sums("bias_gradient", x.as<T>(), rows, columns, 1,
                              PlainSink<T>{sums.as<T>(), columns});
  const Buffer scratch(Device::cuda, std::size_t(sets * columns) * sizeof(T));
  T* const partial = static_cast<T*>(scratch.data());
  launch_column_sums("bias_gradient", x.as<T>(), rows, columns, sets, PlainSink<T>{partial, columns});
  launch_column_sums<T>("bias_gradient", partial, sets, columns, 1, PlainSink<T>{sums.as<T>(), columns});
}

Array view(const Buffer& buffer, Index size, DType dtype) {
  return {buffer.data(), size, dtype, Device::cuda};
}

template <class T>
Buffer buffer_of(Index elements) {
  return Buffer(Device::cuda, std::size_t(elements) * sizeof(T));
}

// Computes z of the layer from its input.
template <class T>
void forward_layer(Index positions, const SimHeadLayer& layer, const Array& in, const Array& z) {
  const LinearShape shape{positions, layer.in, layer.out, layer.activation == Activation::relu};
  if (layer.activation != Activation::fourier) return linear_cuda(shape, in, layer.w, {.b = layer.b}, z);
  const Buffer scratch = buffer_of<T>(positions * layer.out);
  const Array p = view(scratch, positions * layer.out, z.dtype);
  linear_cuda(shape, in, layer.w, {.b = layer.b}, p);
  lift(layer.out, p, z);
}

// Computes dp from dz and z; for identity dp is dz itself.
template <class T>
void activation_adjoint(const SimHeadLayer& layer, const Array& z, const Array& dz, const Array& dp) {
  if (layer.activation == Activation::relu)
    assign_each(Device::cuda, dp.size, ReluAdjoint<T>{z.as<T>(), dz.as<T>(), dp.as<T>()});
  else
    lift_adjoint(layer.out, z, dz, dp);
}

template <class T>
Array slice(const Array& a, Index offset, Index size) {
  return {a.as<T>() + offset, size, a.dtype, a.device};
}

template <class T>
void forward(Index positions, const std::vector<SimHeadLayer>& layers, const Array& x, const Array& y,
             const Array& saved) {
  Array in = x;
  Buffer held;
  Index offset = 0;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Index size = positions * width_of(layers[l]);
    Buffer fresh;
    Array z = y;
    if (l + 1 < layers.size() && saved.data != nullptr) {
      z = slice<T>(saved, offset, size);
    } else if (l + 1 < layers.size()) {
      fresh = buffer_of<T>(size);
      z = view(fresh, size, y.dtype);
    }
    forward_layer<T>(positions, layers[l], in, z);
    offset += size;
    in = z;
    held = std::move(fresh);
  }
}

template <class T>
void weight_gradients(Index positions, const SimHeadLayer& layer, const Array& dp, const Array& in,
                      const Array& dw, const Array& db) {
  if (!layer.train) return;
  if (dw.data != nullptr)
    gemm_cuda({.m = layer.out, .n = layer.in, .k = positions, .transpose_a = true}, dp, in, dw);
  if (db.data != nullptr) sum_columns<T>(dp, positions, layer.out, db);
}

template <class T>
void backward(Index positions, const std::vector<SimHeadLayer>& layers, const Array& x, const Array& y,
              const Array& saved, const Array& dy, const SimHeadGrads& grads) {
  Index offset = 0;
  for (std::size_t l = 0; l + 1 < layers.size(); ++l) offset += positions * width_of(layers[l]);
  Array z = y, dz = dy;
  Buffer held;
  for (std::size_t l = layers.size(); l-- > 0;) {
    const SimHeadLayer& layer = layers[l];
    Buffer adjoint;
    Array dp = dz;
    if (layer.activation != Activation::identity) {
      adjoint = buffer_of<T>(positions * layer.out);
      dp = view(adjoint, positions * layer.out, y.dtype);
      activation_adjoint<T>(layer, z, dz, dp);
    }
    if (l > 0) offset -= positions * layer.in;
    const Array in = l == 0 ? x : slice<T>(saved, offset, positions * layer.in);
    weight_gradients<T>(positions, layer, dp, in, grads.dw[l], grads.db[l]);
    if (l == 0 && grads.dx.data == nullptr) return;
    Buffer fresh = l == 0 ? Buffer() : buffer_of<T>(positions * layer.in);
    dz = l == 0 ? grads.dx : view(fresh, positions * layer.in, y.dtype);
    gemm_cuda({.m = positions, .n = layer.in, .k = layer.out}, dp, layer.w, dz);
    z = in;
    held = std::move(fresh);
  }
}

}  // namespace

void sim_head_forward_wide(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                           const Array& y, const Array& saved) {
  dispatch_real(y.dtype, "sim_head_forward",
                [&](auto zero) { forward<decltype(zero)>(positions, layers, x, y, saved); });
}

void sim_head_backward_wide(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                            const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads) {
  dispatch_real(y.dtype, "sim_head_backward",
                [&](auto zero) { backward<decltype(zero)>(positions, layers, x, y, saved, dy, grads); });
}

}  // namespace stillpoint::kernels
