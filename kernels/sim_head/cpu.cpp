// The CPU form of the SIM head: threads share tiles of positions, and weights are packed once per call.
#include "kernels/sim_head/sim_head_cpu.h"

#include "kernels/host/pool.h"
#include "kernels/launch/optional_array.h"
#include "kernels/sim_head/sim_head_bf16.h"
#include "kernels/sim_head/sim_head_tile.h"

namespace stillpoint::kernels {
namespace {

using sim_head_cpu::columns;
using tile::padded;

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// A second thread pays from this many multiply-adds of a pass on.
constexpr Index threaded_from = 1 << 18;

template <class T>
struct Layer {
  Index in, out, width;
  Activation activation;
  const T *w, *b;
  Index saved;  // padded channels of `saved` before this layer's
  T *dw = nullptr, *db = nullptr;
  Index partial = 0;          // offset of dw (out, padded in) and db (padded out) in a slab
  bool below = false;         // some gradient is wanted below this layer: dx, or one of an earlier layer
  const T* panels = nullptr;  // w packed for the direction of the pass
  const T* bias = nullptr;    // b, or zeros, padded with zeros (forward)

  bool trained() const { return dw != nullptr || db != nullptr; }
};

template <class T>
struct CpuPlan {
  std::vector<Layer<T>> layers;
  Index positions, tile, tiles;
  Index widest = 0;  // padded channels of the widest tile, including x
  Index saved_row = 0, multiply_adds = 0, partial_size = 0;
  Buffer packed;

  Index first(Index t) const { return t * tile; }
  Index count(Index t) const { return std::min(tile, positions - t * tile); }
  T* saved_tile(T* saved, Index t, Index l) const {
    return saved + first(t) * saved_row + count(t) * layers[std::size_t(l)].saved;
  }
  Index size() const { return Index(layers.size()); }
};

// Tiles depend only on the shape and come in pairs if possible: sums are the same with any number of threads.
// A tile's inputs and outputs of one layer fill about half of L1 (narrow) or of L2.
template <class T>
CpuPlan<T> make_plan(Index positions, const std::vector<SimHeadLayer>& layers) {
  CpuPlan<T> plan;
  plan.positions = positions;
  plan.widest = padded<T>(layers.front().in);
  for (const SimHeadLayer& l : layers) {
    plan.layers.push_back(
        {l.in, l.out, width_of(l), l.activation, l.w.as<T>(), pointer_or_null<T>(l.b), plan.saved_row});
    if (plan.size() < Index(layers.size())) plan.saved_row += padded<T>(width_of(l));
    plan.widest = std::max(plan.widest, padded<T>(width_of(l)));
    plan.multiply_adds += l.in * l.out * positions;
  }
  const Index wanted = plan.widest <= narrow_width ? 96 : 192;
  plan.tile = ceil_div(positions, 2 * ceil_div(positions, 2 * wanted));
  plan.tiles = ceil_div(positions, plan.tile);
  return plan;
}

// Packs w^T (forward) or w (backward) of every layer, and the biases.
template <class T>
void pack_weights(CpuPlan<T>& plan, bool forward) {
  Index size = 0;
  for (const Layer<T>& l : plan.layers)
    size += forward ? padded<T>(l.out) * (l.in + 1) : l.out * padded<T>(l.in);
  plan.packed = Buffer(Device::cpu, std::size_t(size) * sizeof(T));
  T* to = static_cast<T*>(plan.packed.data());
  for (Layer<T>& l : plan.layers) {
    const Index n = forward ? l.out : l.in, k = forward ? l.in : l.out;
    T* const panels = to;
    const Index count = ceil_div(n, columns<T>);
    parallel(count, slots_for(count, n * k >= threaded_from / 8), [&](Index panel, int) {
      const Index j = panel * columns<T>;
      tile::pack_panels(k, std::min<Index>(columns<T>, n - j), l.w + j * (forward ? l.in : 1),
                        forward ? 1 : l.in, forward ? l.in : 1, panels + j * k);
    });
    l.panels = panels;
    to += padded<T>(n) * k;
    if (!forward) continue;
    std::fill_n(to, padded<T>(l.out), T(0));
    if (l.b != nullptr) std::copy_n(l.b, l.out, to);
    l.bias = to;
    to += padded<T>(l.out);
  }
}

// The scratch of one pass has `tiles` tiles for each slot.
template <class T>
class Scratch {
 public:
  struct Slot {
    T* first;
    Index size;
    T* tile(int which) const { return first + which * size; }
  };
  Scratch(const CpuPlan<T>& plan, int tiles, int slots)
      : size_(plan.tile * plan.widest),
        tiles_(tiles),
        buffer_(Device::cpu, std::size_t(size_ * tiles * slots) * sizeof(T)) {}
  Slot operator[](int slot) const { return {static_cast<T*>(buffer_.data()) + slot * tiles_ * size_, size_}; }

 private:
  Index size_;
  int tiles_;
  Buffer buffer_;
};

// z = act(in w^T + b); p is scratch.
template <class T>
void layer_forward(const Layer<T>& l, Index n, const T* in, T* p, T* z) {
  const T* const bias = l.bias;
  const auto add = [bias](auto v, Index, Index channel) { return v + simd::load(bias + channel); };
  const auto rectify = [add](auto v, Index offset, Index channel) {
    return simd::relu<T>(add(v, offset, channel));
  };
  if (l.activation == Activation::relu)
    return sim_head_cpu::multiply(n, l.in, in, l.panels, l.out, z, rectify);
  const bool lifted = l.activation == Activation::fourier;
  sim_head_cpu::multiply(n, l.in, in, l.panels, l.out, lifted ? p : z, add);
  if (lifted) sim_head_cpu::lift(n, l.out, p, z);
}

template <class T>
void forward(Index positions, const std::vector<SimHeadLayer>& layers, const T* x, T* y, T* saved) {
  CpuPlan<T> plan = make_plan<T>(positions, layers);
  pack_weights(plan, true);
  const int slots = slots_for(plan.tiles, plan.multiply_adds >= threaded_from);
  const Scratch<T> all(plan, 3, slots);
  const Index last = plan.size() - 1;
  parallel(plan.tiles, slots, [&](Index t, int slot) {
    const auto scratch = all[slot];
    const Index n = plan.count(t), width = plan.layers[std::size_t(last)].width;
    T *in = scratch.tile(0), *spare = scratch.tile(1);
    sim_head_cpu::to_tile(n, plan.layers[0].in, x + plan.first(t) * plan.layers[0].in, in);
    for (Index l = 0; l <= last; ++l) {
      T* const out = saved != nullptr && l < last ? plan.saved_tile(saved, t, l) : spare;
      layer_forward(plan.layers[std::size_t(l)], n, in, scratch.tile(2), out);
      spare = out == spare ? in : spare;
      in = out;
    }
    sim_head_cpu::from_tile(n, width, in, y + plan.first(t) * width);
  });
}

// Computes e = dL/dp of the last layer from its g = dL/dy, in `g` or `e`, and returns which.
template <class T>
T* last_activation(const Layer<T>& l, Index n, const T* y, T* z, T* g, T* e) {
  if (l.activation == Activation::identity) return g;
  sim_head_cpu::to_tile(n, l.width, y, z);
  if (l.activation == Activation::fourier) {
    sim_head_cpu::lift_adjoint(n, l.out, z, g, e);
    return e;
  }
  for (Index i = 0; i < n * padded<T>(l.width); i += simd::width<T>)
    simd::store(g + i, sim_head_cpu::gated<T>(simd::load(g + i), simd::load(z + i)));
  return g;
}

// Computes dL/dp of layer `lower` from e = dL/dp of the layer above it.
template <class T>
void layer_backward(const Layer<T>& upper, const Layer<T>& lower, Index n, const T* e, const T* z, T* g,
                    T* out) {
  const auto keep = [](auto v, Index, Index) { return v; };
  const auto gate = [z](auto v, Index offset, Index) {
    return sim_head_cpu::gated<T>(v, simd::load(z + offset));
  };
  if (lower.activation == Activation::relu)
    return sim_head_cpu::multiply(n, upper.out, e, upper.panels, upper.in, out, gate);
  const bool lifted = lower.activation == Activation::fourier;
  sim_head_cpu::multiply(n, upper.out, e, upper.panels, upper.in, lifted ? g : out, keep);
  if (lifted) sim_head_cpu::lift_adjoint(n, lower.out, z, g, out);
}

template <class T>
struct Backward {
  CpuPlan<T> plan;
  const T *x, *y, *dy;
  T *saved, *dx;

  // Adds the tile's part of every gradient to a slab, or starts the slab with it.
  void tile(Index t, const typename Scratch<T>::Slot& scratch, T* slab, bool add) const {
    const Index n = plan.count(t), first = plan.first(t), last = plan.size() - 1;
    const Layer<T>& top = plan.layers[std::size_t(last)];
    T* const g = scratch.tile(0);
    sim_head_cpu::to_tile(n, top.width, dy + first * top.width, g);
    T* e = last_activation(top, n, y + first * top.width, scratch.tile(2), g, scratch.tile(1));
    T* spare = e == g ? scratch.tile(1) : g;
    for (Index l = last; l >= 0; --l) {
      const Layer<T>& layer = plan.layers[std::size_t(l)];
      T* const z = l > 0 ? plan.saved_tile(saved, t, l - 1) : scratch.tile(2);
      if (layer.trained()) {
        if (l == 0) sim_head_cpu::to_tile(n, layer.in, x + first * layer.in, z);
        const Index row = padded<T>(layer.in);
        T* const dw = slab + layer.partial;
        sim_head_cpu::weight_gradient(n, layer.out, layer.in, e, z, dw, row, dw + layer.out * row, add);
      }
      if (!layer.below) return;
      if (l == 0) break;
      layer_backward(layer, plan.layers[std::size_t(l - 1)], n, e, z, scratch.tile(3), spare);
      std::swap(e, spare);
    }
    const Layer<T>& bottom = plan.layers[0];
    sim_head_cpu::multiply(n, bottom.out, e, bottom.panels, bottom.in, spare,
                           [](auto v, Index, Index) { return v; });
    sim_head_cpu::from_tile(n, bottom.in, spare, dx + first * bottom.in);
  }
};

template <class T>
void reduce(const CpuPlan<T>& plan, Index slabs, const T* partials) {
  for (const Layer<T>& l : plan.layers) {
    const Index row = padded<T>(l.in), stride = plan.partial_size;
    const T* const from = partials + l.partial;
    if (l.db != nullptr) sim_head_cpu::sum_slabs(slabs, stride, l.out, from + l.out * row, l.db);
    if (l.dw == nullptr) continue;
    parallel_ranges(l.out, 1, slabs * l.out * l.in >= threaded_from, [&](Index begin, Index end) {
      for (Index o = begin; o < end; ++o)
        sim_head_cpu::sum_slabs(slabs, stride, l.in, from + o * row, l.dw + o * l.in);
    });
  }
}

// Each slab of neighbouring tiles has its own sum; as many threads as slabs can work.
constexpr Index most_slabs = 32;

template <class T>
void backward(Backward<T>& b) {
  CpuPlan<T>& plan = b.plan;
  bool below = b.dx != nullptr;
  for (Layer<T>& l : plan.layers) {
    l.below = below;
    below = below || l.trained();
    l.partial = plan.partial_size;
    if (l.trained()) plan.partial_size += l.out * padded<T>(l.in) + padded<T>(l.out);
  }
  if (!below) return;
  pack_weights(plan, false);
  const Index slabs = std::min(plan.tiles, most_slabs);
  const int slots = slots_for(slabs, plan.multiply_adds >= threaded_from / 2);
  const Scratch<T> scratch(plan, 4, slots);
  const Buffer buffer(Device::cpu, std::size_t(slabs * plan.partial_size) * sizeof(T));
  T* const partials = static_cast<T*>(buffer.data());
  parallel(slabs, slots, [&](Index s, int slot) {
    const Index begin = s * plan.tiles / slabs, end = (s + 1) * plan.tiles / slabs;
    for (Index t = begin; t < end; ++t) b.tile(t, scratch[slot], partials + s * plan.partial_size, t > begin);
  });
  reduce(plan, slabs, partials);
}

}  // namespace

std::int64_t sim_head_saved_size_cpu(std::int64_t positions, const std::vector<SimHeadLayer>& layers) {
  if (sim_head_in_bf16(layers)) return sim_head_saved_size_bf16(positions, layers);
  Index row = 0;  // float32's panels are wider
  for (std::size_t l = 0; l + 1 < layers.size(); ++l) row += padded<float>(width_of(layers[l]));
  return positions * row;
}

void sim_head_forward_cpu(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                          const Array& y, const Array& saved) {
  if (sim_head_in_bf16(layers)) return sim_head_forward_bf16(positions, layers, x, y, saved);
  dispatch_real(y.dtype, "sim_head_forward", [&](auto zero) {
    using T = decltype(zero);
    forward<T>(positions, layers, x.as<T>(), y.as<T>(), saved.data != nullptr ? saved.as<T>() : nullptr);
  });
}

void sim_head_backward_cpu(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                           const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads) {
  if (sim_head_in_bf16(layers) && positions > 0)
    return sim_head_backward_bf16(positions, layers, x, y, saved, dy, grads);
  dispatch_real(y.dtype, "sim_head_backward", [&](auto zero) {
    using T = decltype(zero);
    const auto pointer = [](const Array& a) { return a.data != nullptr ? a.as<T>() : nullptr; };
    if (positions == 0) {
      for (const auto* list : {&grads.dw, &grads.db})
        for (const Array& g : *list) std::fill_n(pointer(g), g.data != nullptr ? g.size : 0, T(0));
      return;
    }
    Backward<T> b{
        make_plan<T>(positions, layers), x.as<T>(), y.as<T>(), dy.as<T>(), pointer(saved), pointer(grads.dx)};
    for (std::size_t l = 0; l < layers.size(); ++l) {
      if (!layers[l].train) continue;
      b.plan.layers[l].dw = pointer(grads.dw[l]);
      b.plan.layers[l].db = pointer(grads.db[l]);
    }
    backward(b);
  });
}

}  // namespace stillpoint::kernels
