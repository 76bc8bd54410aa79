// The bf16 form of the SIM head on the CPU: threads share tiles of positions, weights are packed once per
// call, and products run on AMX or AVX-512 BF16.
#include "kernels/gemm/gemm_bf16.h"
#include "kernels/host/pool.h"
#include "kernels/sim_head/sim_head_bf16.h"
#include "kernels/sim_head/sim_head_bf16_tile.h"
#include "kernels/sim_head/sim_head_tile.h"

namespace stillpoint::kernels {
namespace {

// Positions of a tile: 512 x 256 inputs and outputs are 512 KB in bf16, and the products' fixed costs are
// small.
constexpr Index wanted_tile = 512;
// Each slab of neighbouring tiles has its own sum of gradients.
constexpr Index most_slabs = 16;

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
// Keeps rows of scratch apart in whole cache lines.
constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

struct Layer {
  Index in, out, width;
  Activation activation;
  const float *w, *b;
  Index saved;  // channels of `saved` before this layer's
  bool in_float32 = false;
  float *dw = nullptr, *db = nullptr;
  Index partial = 0;   // offset of dw (out,in) and db (out) in a slab
  bool below = false;  // some gradient is wanted below this layer
  const void* packed = nullptr;

  bool trained() const { return dw != nullptr || db != nullptr; }
  Bf16Product forward(Index n, Index tile) const {
    return {{false, true, n, out, in, in, in, out}, false, activation == Activation::relu, tile};
  }
  Bf16Product backward(Index n, Index tile) const {
    return {{false, false, n, in, out, out, in, in}, false, false, tile};
  }
  Bf16Product gradient(Index n, bool add) const {
    return {{true, false, out, in, n, out, in, in, add ? 1.0f : 0.0f}};
  }
};

struct Bf16Plan {
  std::vector<Layer> layers;
  Index positions, tile, tiles;
  Index widest = 0, saved_row = 0, partial_size = 0;
  Buffer packed;

  Bf16Plan(Index n, const std::vector<SimHeadLayer>& chain)
      : positions(n), tile(ceil_div(n, 2 * ceil_div(n, 2 * wanted_tile))), tiles(ceil_div(n, tile)) {
    widest = chain.front().in;
    for (const SimHeadLayer& l : chain) {
      const Index width = width_of(l);
      layers.push_back({l.in, l.out, width, l.activation, l.w.as<float>(),
                        l.b.data != nullptr ? l.b.as<float>() : nullptr, saved_row});
      if (layers.size() < chain.size()) saved_row += width;
      widest = std::max(widest, width);
    }
    layers[0].in_float32 = layers[0].in <= shallow;
  }
  Index first(Index t) const { return t * tile; }
  Index count(Index t) const { return std::min(tile, positions - t * tile); }
  Index last() const { return Index(layers.size()) - 1; }
  const Layer& layer(Index l) const { return layers[std::size_t(l)]; }
  Bf16* saved_tile(Bf16* saved, Index t, Index l) const {
    return saved + first(t) * saved_row + count(t) * layer(l).saved;
  }

  // Packs w^T (forward) or w (backward) of every layer.
  void pack(bool forward) {
    const auto product = [&](const Layer& l) { return forward ? l.forward(tile, 0) : l.backward(tile, 0); };
    const auto bytes = [&](const Layer& l) {
      return aligned(forward && l.in_float32 ? std::size_t(l.in * l.out) * sizeof(float)
                                             : packed_bf16_bytes(product(l)));
    };
    std::size_t size = 0;
    for (const Layer& l : layers) size += bytes(l);
    packed = Buffer(Device::cpu, size);
    char* to = static_cast<char*>(packed.data());
    for (Layer& l : layers) {
      l.packed = to;
      if (forward && l.in_float32) {
        for (Index o = 0; o < l.out; ++o)
          for (Index d = 0; d < l.in; ++d) reinterpret_cast<float*>(to)[d * l.out + o] = l.w[o * l.in + d];
      } else {
        pack_bf16(product(l), l.w, to);
      }
      to += bytes(l);
    }
  }
};

// The scratch of a slot: tiles that can hold any layer in bf16, and one in float32.
class Scratch {
 public:
  Scratch(const Bf16Plan& plan, int slots)
      : tile_(aligned(std::size_t(plan.tile * plan.widest) * sizeof(Bf16))),
        buffer_(Device::cpu, std::size_t(slots) * slot_bytes()) {}
  Bf16* tile(int slot, int which) const {
    return reinterpret_cast<Bf16*>(at(slot) + std::size_t(which) * tile_);
  }
  float* floats(int slot) const { return reinterpret_cast<float*>(at(slot) + tiles * tile_); }

 private:
  static constexpr std::size_t tiles = 3;
  std::size_t slot_bytes() const { return (tiles + 2) * tile_; }
  char* at(int slot) const { return static_cast<char*>(buffer_.data()) + std::size_t(slot) * slot_bytes(); }

  std::size_t tile_;
  Buffer buffer_;
};

// z = act(in w^T + b), in bf16 or float32. `in` is float32 for a layer that multiplies in it; p is scratch.
template <class Z>
void layer_forward(const Bf16Plan& plan, const Layer& l, Index n, const void* in, float* p, Z* z) {
  const bool lifted = l.activation == Activation::fourier;
  if (l.in_float32) {
    const float *const x = static_cast<const float*>(in), *const w = static_cast<const float*>(l.packed);
    if (l.activation == Activation::relu)
      sim_head_bf16::multiply_shallow<true>(n, l.in, l.out, x, w, l.b, z);
    else if (lifted)
      sim_head_bf16::multiply_shallow<false>(n, l.in, l.out, x, w, l.b, p);
    else
      sim_head_bf16::multiply_shallow<false>(n, l.in, l.out, x, w, l.b, z);
  } else {
    Bf16Product product = l.forward(n, plan.tile);
    product.rounded = !lifted && sizeof(Z) == sizeof(Bf16);
    multiply_bf16(product, static_cast<const Bf16*>(in), l.packed, l.b, lifted ? static_cast<void*>(p) : z);
  }
  if (lifted) sim_head_bf16::lift(n, l.out, p, z);
}

// e (n,out) = dL/dp of the last layer from its output and the output's gradient.
void last_activation(const Layer& l, Index n, const float* y, const float* dy, Bf16* e) {
  if (l.activation == Activation::fourier) return sim_head_bf16::lift_adjoint(n, l.out, y, dy, e);
  if (l.activation == Activation::relu) return sim_head_bf16::gate(n * l.width, y, dy, e);
  sim_head_bf16::convert(n * l.width, dy, e);
}

struct Backward {
  Bf16Plan plan;
  const float *x, *y, *dy;
  Bf16* saved;
  float* dx;

  // Computes dL/dp of layer l - 1 from e = dL/dp of layer l.
  void layer_below(Index l, Index n, const Bf16* e, const Bf16* z, float* g, Bf16* out) const {
    const Layer &layer = plan.layer(l), &lower = plan.layer(l - 1);
    Bf16Product product = layer.backward(n, plan.tile);
    product.rounded = lower.activation != Activation::fourier;
    multiply_bf16(product, e, layer.packed, nullptr, product.rounded ? static_cast<void*>(out) : g);
    if (!product.rounded) return sim_head_bf16::lift_adjoint(n, lower.out, z, g, out);
    if (lower.activation == Activation::relu) sim_head_bf16::gate(n * lower.width, z, out);
  }

  // Adds the tile's part of every gradient to a slab, or starts the slab with it.
  void tile(Index t, const Scratch& scratch, int slot, float* slab, bool add) const {
    const Index n = plan.count(t), first = plan.first(t);
    Bf16 *e = scratch.tile(slot, 0), *spare = scratch.tile(slot, 1);
    const Index top = plan.layers.back().width;
    last_activation(plan.layers.back(), n, y + first * top, dy + first * top, e);
    for (Index l = plan.last(); l >= 0; --l) {
      const Layer& layer = plan.layer(l);
      const float* const input = x + first * layer.in;  // of layer 0
      Bf16* const z = l > 0 ? plan.saved_tile(saved, t, l - 1) : scratch.tile(slot, 2);
      if (layer.trained()) {
        float* const dw = slab + layer.partial;
        if (l == 0 && !layer.in_float32) sim_head_bf16::convert(n * layer.in, input, z);
        if (layer.in_float32)
          sim_head_bf16::shallow_gradient(n, layer.out, layer.in, e, input, dw, add);
        else
          multiply_bf16(layer.gradient(n, add), e, z, nullptr, dw);
        sim_head_bf16::sum_columns(n, layer.out, e, dw + layer.out * layer.in, add);
      }
      if (!layer.below) return;
      if (l > 0) {
        layer_below(l, n, e, z, scratch.floats(slot), spare);
        std::swap(e, spare);
      } else {
        multiply_bf16(layer.backward(n, plan.tile), e, layer.packed, nullptr, dx + first * layer.in);
      }
    }
  }
};

void run(Backward& b) {
  Bf16Plan& plan = b.plan;
  bool below = b.dx != nullptr;
  for (Layer& l : plan.layers) {
    l.below = below;
    below = below || l.trained();
    l.partial = plan.partial_size;
    if (l.trained()) plan.partial_size += l.out * (l.in + 1);
  }
  if (!below) return;
  plan.pack(false);
  const Index slabs = std::min(plan.tiles, most_slabs);
  const int slots = slots_for(slabs);
  const Scratch scratch(plan, slots);
  const Buffer buffer(Device::cpu, std::size_t(slabs * plan.partial_size) * sizeof(float));
  float* const partials = static_cast<float*>(buffer.data());
  parallel(slabs, slots, [&](Index s, int slot) {
    const Index begin = s * plan.tiles / slabs, end = (s + 1) * plan.tiles / slabs;
    for (Index t = begin; t < end; ++t) b.tile(t, scratch, slot, partials + s * plan.partial_size, t > begin);
  });
  for (const Layer& l : plan.layers) {
    const Index size = l.out * l.in, stride = plan.partial_size;
    const float* const from = partials + l.partial;
    if (l.db != nullptr) sim_head_cpu::sum_slabs(slabs, stride, l.out, from + size, l.db);
    if (l.dw == nullptr) continue;
    parallel_ranges(size, 4096, true, [&](Index begin, Index end) {
      sim_head_cpu::sum_slabs(slabs, stride, end - begin, from + begin, l.dw + begin);
    });
  }
}

float* pointer(const Array& a) { return a.data != nullptr ? a.as<float>() : nullptr; }

}  // namespace

bool sim_head_in_bf16(const std::vector<SimHeadLayer>& layers) {
  return precision() == Precision::bf16 && layers.front().w.dtype == DType::float32 && cpu_has_bf16() &&
         !is_narrow(layers);
}

std::int64_t sim_head_saved_size_bf16(std::int64_t positions, const std::vector<SimHeadLayer>& layers) {
  return (positions * Bf16Plan(std::max<Index>(positions, 1), layers).saved_row + 1) / 2;
}

void sim_head_forward_bf16(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                           const Array& y, const Array& saved) {
  Bf16Plan plan(positions, layers);
  plan.pack(true);
  const int slots = slots_for(plan.tiles);
  const Scratch scratch(plan, slots);
  Bf16* const kept = reinterpret_cast<Bf16*>(pointer(saved));
  const Index last = plan.last();
  parallel(plan.tiles, slots, [&](Index t, int slot) {
    const Index n = plan.count(t), inputs = plan.layers[0].in;
    const void* in = x.as<float>() + plan.first(t) * inputs;
    if (!plan.layers[0].in_float32) {
      sim_head_bf16::convert(n * inputs, static_cast<const float*>(in), scratch.tile(slot, 2));
      in = scratch.tile(slot, 2);
    }
    for (Index l = 0; l < last; ++l) {
      Bf16* const z = kept != nullptr ? plan.saved_tile(kept, t, l) : scratch.tile(slot, int(l % 2));
      layer_forward(plan, plan.layer(l), n, in, scratch.floats(slot), z);
      in = z;
    }
    const Layer& top = plan.layers.back();
    layer_forward(plan, top, n, in, scratch.floats(slot), y.as<float>() + plan.first(t) * top.width);
  });
}

void sim_head_backward_bf16(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                            const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads) {
  Backward b{Bf16Plan(positions, layers),
             x.as<float>(),
             y.as<float>(),
             dy.as<float>(),
             reinterpret_cast<Bf16*>(pointer(saved)),
             pointer(grads.dx)};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (!layers[l].train) continue;
    b.plan.layers[l].dw = pointer(grads.dw[l]);
    b.plan.layers[l].db = pointer(grads.db[l]);
  }
  run(b);
}

}  // namespace stillpoint::kernels
