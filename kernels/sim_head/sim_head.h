// The fused SIM head: a chain of affine maps, ReLUs and a random Fourier lift over a tile of positions.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// After the linear runs of a stable invariant model are folded (U V^T with its neighbours, SIM paper eq.
// 9-12), the head is z_0 = x, p_l = z_{l-1} W_l^T + b_l, z_l = act_l(p_l):
//   identity  z = p                                   width = rows of W
//   relu      z = max(p, 0)                           width = rows of W
//   fourier   z = sqrt(1/m) [cos p, sin p]            width = 2 m, m = rows of W (random Fourier features)
enum class Activation { identity, relu, fourier };

struct SimHeadLayer {
  std::int64_t in, out;  // W is (out,in); the layer's width is out, or 2 out for fourier
  Activation activation;
  Array w, b;         // b (out), or empty (data null) for no bias
  bool train = true;  // false: no gradient for w and b (the fixed frequencies)
};
constexpr std::int64_t width_of(const SimHeadLayer& layer) {
  return layer.activation == Activation::fourier ? 2 * layer.out : layer.out;
}

// Chains whose layers all are this narrow stay in a GPU's shared memory; on a CPU they multiply in float32.
inline constexpr std::int64_t narrow_width = 64;

inline bool is_narrow(const std::vector<SimHeadLayer>& layers) {
  return std::all_of(layers.begin(), layers.end(), [](const SimHeadLayer& layer) {
    return layer.in <= narrow_width && width_of(layer) <= narrow_width;
  });
}

// Returns whether sim_head_forward and sim_head_backward round as precision() asks (kernels/gemm/gemm.h). A
// CPU without bf16 instructions multiplies its tiles in float32, so plain products serve wide float32 chains
// there.
bool sim_head_rounds_as_asked(const std::vector<SimHeadLayer>& layers, DType dtype, Device device);

// Returns the elements of the scratch that forward leaves for backward; each implementation has its own
// layout.
std::int64_t sim_head_saved_size(std::int64_t positions, const std::vector<SimHeadLayer>& layers,
                                 Device device);

// x (positions, in of the first layer) -> y (positions, width of the last). `saved` has sim_head_saved_size
// elements, or null data if no backward follows. All arrays are float32 or all float64 on one device, of any
// sizes.
void sim_head_forward(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                      const Array& y, const Array& saved);

struct SimHeadGrads {
  Array dx;                   // (positions, in), or null data if it is not wanted
  std::vector<Array> dw, db;  // per layer, overwritten; null data if not wanted
};
// Computes the gradients from dy, shaped as y. The order of sums does not depend on the number of threads.
void sim_head_backward(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                       const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads);

}  // namespace stillpoint::kernels
