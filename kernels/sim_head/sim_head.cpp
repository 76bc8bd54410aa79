// The SIM head's entry points: they check the arguments and choose the device.
#include "kernels/sim_head/sim_head.h"

#include <algorithm>

#include "kernels/gemm/gemm.h"
#include "kernels/sim_head/sim_head_cpu.h"
#if STILLPOINT_CUDA
#include "kernels/sim_head/sim_head_cuda.h"
#endif

namespace stillpoint::kernels {
namespace {

void check_layers(const char* where, const std::vector<SimHeadLayer>& layers) {
  require(!layers.empty(), where, ": given no layers, expected at least one, check the model");
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const SimHeadLayer& layer = layers[l];
    require(layer.in > 0 && layer.out > 0, where, ": layer ", l, " is ", layer.in, " -> ", layer.out,
            ", expected widths above 0, check the model");
    require(l == 0 || layer.in == width_of(layers[l - 1]), where, ": layer ", l, " takes ", layer.in,
            " channels, expected ", l > 0 ? width_of(layers[l - 1]) : 0,
            " (the width of the layer before it), check the model");
  }
}

// Checks an array that has to exist; `like` has its dtype and device.
void check_array(const char* where, const char* name, const Array& array, std::int64_t size,
                 const Array& like) {
  require(array.size == size && (array.data != nullptr || size == 0), where, ": ", name, " has ", array.size,
          " elements, expected ", size, ", check the shapes");
  require(array.dtype == like.dtype && array.device == like.device, where, ": ", name, " is ",
          name_of(array.dtype), " on ", name_of(array.device), ", expected ", name_of(like.dtype), " on ",
          name_of(like.device), ", convert it first");
}
void check_optional(const char* where, const char* name, const Array& array, std::int64_t size,
                    const Array& like) {
  if (array.data != nullptr) check_array(where, name, array, size, like);
}

void check_chain(const char* where, std::int64_t positions, const std::vector<SimHeadLayer>& layers,
                 const Array& x, const Array& y) {
  check_layers(where, layers);
  require(positions >= 0, where, ": given ", positions, " positions, expected 0 or more, check the batch");
  require(x.dtype != DType::int32, where, ": given int32, expected float32 or float64, convert first");
  check_array(where, "x", x, positions * layers.front().in, x);
  check_array(where, "y", y, positions * width_of(layers.back()), x);
  for (const SimHeadLayer& layer : layers) {
    check_array(where, "w", layer.w, layer.out * layer.in, x);
    check_optional(where, "b", layer.b, layer.out, x);
  }
}

void check_grads(const char* where, std::int64_t positions, const std::vector<SimHeadLayer>& layers,
                 const Array& x, const SimHeadGrads& grads) {
  require(grads.dw.size() == layers.size() && grads.db.size() == layers.size(), where, ": given ",
          grads.dw.size(), " dw and ", grads.db.size(), " db, expected ", layers.size(),
          " of each, give an empty array where none is wanted");
  check_optional(where, "dx", grads.dx, positions * layers.front().in, x);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    check_optional(where, "dw", grads.dw[l], layers[l].out * layers[l].in, x);
    check_optional(where, "db", grads.db[l], layers[l].out, x);
  }
}

#if !STILLPOINT_CUDA
[[noreturn]] void no_cuda(const char* where) {
  fail(where, ": given cuda arrays, expected cpu arrays, build with CUDA to use --device cuda");
}
#endif

}  // namespace

bool sim_head_rounds_as_asked(const std::vector<SimHeadLayer>& layers, DType dtype, Device device) {
  if (device != Device::cpu || dtype != DType::float32 || precision() != Precision::bf16) return true;
  return std::all_of(layers.begin(), layers.end(), [](const SimHeadLayer& layer) {
    return layer.in <= narrow_width && width_of(layer) <= narrow_width;
  });
}

std::int64_t sim_head_saved_size(std::int64_t positions, const std::vector<SimHeadLayer>& layers,
                                 Device device) {
  check_layers("sim_head_saved_size", layers);
#if STILLPOINT_CUDA
  if (device == Device::cuda) return sim_head_saved_size_cuda(positions, layers);
#else
  if (device == Device::cuda) no_cuda("sim_head_saved_size");
#endif
  return sim_head_saved_size_cpu(positions, layers);
}

void sim_head_forward(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                      const Array& y, const Array& saved) {
  constexpr const char* where = "sim_head_forward";
  check_chain(where, positions, layers, x, y);
  check_optional(where, "saved", saved, sim_head_saved_size(positions, layers, x.device), x);
  if (positions == 0) return;
#if STILLPOINT_CUDA
  if (x.device == Device::cuda) return sim_head_forward_cuda(positions, layers, x, y, saved);
#endif
  sim_head_forward_cpu(positions, layers, x, y, saved);
}

void sim_head_backward(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                       const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads) {
  constexpr const char* where = "sim_head_backward";
  check_chain(where, positions, layers, x, y);
  const std::int64_t saved_size = sim_head_saved_size(positions, layers, x.device);
  if (saved_size > 0) check_array(where, "saved", saved, saved_size, x);
  check_array(where, "dy", dy, y.size, x);
  check_grads(where, positions, layers, x, grads);
#if STILLPOINT_CUDA
  if (x.device == Device::cuda) return sim_head_backward_cuda(positions, layers, x, y, saved, dy, grads);
#endif
  sim_head_backward_cpu(positions, layers, x, y, saved, dy, grads);
}

}  // namespace stillpoint::kernels
