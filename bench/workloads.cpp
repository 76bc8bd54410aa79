// Builds the workloads, which have the same names as those of the PyTorch peer.
#include "bench/workloads.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "kernels/gemm/gemm.h"
#include "kernels/random/random.h"
#include "models/deq.h"
#include "models/fold.h"
#include "models/image_sim.h"
#include "models/sim.h"

namespace stillpoint {
namespace {

constexpr Index length = 520, points = 65536;

Tensor uniform(Shape shape, std::uint64_t stream) {
  const Tensor y = Tensor::empty(std::move(shape));
  kernels::fill_uniform(y.array(), {7, stream}, 0, 1);
  return y;
}

// Multiply-adds of a causal convolution per channel pair and sample. Taps before the start do not count.
double taps_inside(Index taps, Index dilation) {
  double total = 0;
  for (Index j = 0; j < taps; ++j) total += double(std::max<Index>(0, length - j * dilation));
  return total;
}

// Forward multiply-adds of the paper's TCN for one sequence. `first` is the share of its first convolution
// and 1x1 map, whose input needs no gradient.
struct TcnCost {
  double forward = 0, first = 0;
};
TcnCost tcn_cost(const TcnConfig& c) {
  TcnCost cost;
  const double n = double(c.channels);
  for (Index i = 0; i < c.blocks; ++i) {
    const double taps = taps_inside(c.taps, Index(1) << i);
    if (i == 0) cost.first = n * (taps + double(length));
    cost.forward += i == 0 ? cost.first + n * n * taps : 2 * n * n * taps;
  }
  return cost;
}

// Makes a workload whose step owns the model and its optimiser.
template <class Model>
Workload training_step(std::shared_ptr<Model> model, std::function<Tensor(const Model&)> loss, double clip,
                       double eps = 1e-5) {
  const ParamList params = params_of(*model);
  auto adam = std::make_shared<Optimiser>(params, OptimiserConfig{.eps = eps, .clip = clip});
  Workload w;
  w.parameters = params.count();
  w.step = [model, adam, loss, tensors = params.tensors()] {
    const Tensor value = loss(*model);
    adam->update(grad(value, tensors), 1e-3);
    return value.item();
  };
  return w;
}

Workload copy_memory(Index batch, bool two_tier) {
  Initializer init(0);
  const TcnConfig tcn;
  auto model = std::make_shared<SequenceSim>(init, tcn, HeadConfig{}, 10, two_tier);
  const Tensor x = affine(uniform({batch, 1, length}, 1), 9, 0).to(DType::int32).to(DType::float32);
  const Tensor y = affine(uniform({batch * length}, 2), 9, 0).to(DType::int32);
  Workload w = training_step<SequenceSim>(
      model, [x, y](const SequenceSim& m) { return softmax_cross_entropy(m(x), y); }, 1.0);
  const TcnCost cost = tcn_cost(tcn);
  // Nominal: lift 10->32, U V^T 32->16->32, r, output. Folded: 10->32, or 10->16 (two-tier), then the rest.
  const double nominal = 320 + (two_tier ? 512 : 0) + 1024 + 3 * 1024 + 320;
  const double folded = two_tier ? 160 + 1024 + 1024 + 320 : 320 + 1024 + 320;
  const auto flops = [&](double head) {
    return 2 * double(batch) * (3 * (cost.forward + head * double(length)) - cost.first);
  };
  w.batch = batch;
  w.flops = flops(folded);
  w.nominal_flops = flops(nominal);
  return w;
}

// One sequence; the solvers take `steps` evaluations and `adjoint_steps` vector-Jacobian products.
Workload copy_memory_deq(const std::string& solver, Index steps, Index adjoint_steps, bool weight_norm) {
  Initializer init(0);
  auto model = std::make_shared<DeqTransformer>(init,
                                                DeqConfig{.weight_norm = weight_norm,
                                                          .solver = solver,
                                                          .adjoint_solver = solver,
                                                          .steps = steps,
                                                          .adjoint_steps = adjoint_steps,
                                                          .tolerance = 0,
                                                          .adjoint_tolerance = 0},
                                                10);
  const Tensor x = affine(uniform({1, length}, 1), 9, 0).to(DType::int32);
  const Tensor y = affine(uniform({length}, 2), 9, 0).to(DType::int32);
  Workload w = training_step<DeqTransformer>(
      model, [x, y](const DeqTransformer& m) { return softmax_cross_entropy(m(x), y); }, 0.25, 1e-8);
  // One map d -> 3d and three d -> d; scores of keys and positions, and sums of values, over keys not ahead.
  const double maps = double(length) * 6 * 40 * 40, attention = 3 * 40 * double(length * (length + 1)) / 2;
  // One more evaluation is recorded, and one more product also reaches the parameters.
  w.flops = 2 * (double(steps + 1) * (maps + attention) + double(adjoint_steps + 1) * (maps + 2 * attention) +
                 maps);
  w.nominal_flops = w.flops;
  return w;
}

Workload pixels(const std::string& kind) {
  Initializer init(0);
  auto model = std::make_shared<CoordinateSim>(
      init, kind, 256, HeadConfig{.d = 256, .psi = 256, .bandwidth = 0.1, .hidden = 256});
  const Tensor x = uniform({points, 2}, 1), y = uniform({points, 3}, 2);
  Workload w = training_step<CoordinateSim>(
      model, [x, y](const CoordinateSim& m) { return mean_squared_error(m(x), y); }, 0);
  // The coordinates need no gradient, nor do the fixed frequencies of the RFF-only model.
  const double first = kind == "rff" ? 2 * 2 * 128 : 2 * 256;
  const auto flops = [&](Index multiply_adds) {
    return 2 * double(points) * (3 * double(multiply_adds) - first);
  };
  w.batch = points;
  w.flops = flops(multiply_adds(model->head.fold ? fold_linear_runs(model->layers()) : model->layers()));
  model->head.fold = false;
  w.nominal_flops = flops(multiply_adds(model->head.fold ? fold_linear_runs(model->layers()) : model->layers()));
  model->head.fold = true;
  return w;
}

// Multiply-adds of a 3x3 convolution per channel pair and image, without products with the border of zeros.
double window_products(Index height, Index width) { return double((3 * height - 2) * (3 * width - 2)); }

Workload vision(Index colours, Index side, Index channels, bool two_tier) {
  const Shape image{colours, side, side};
  constexpr Index batch = 128;
  Initializer init(0);
  const HeadConfig head{.d = 50, .psi = 104, .hidden = 32};
  auto model = std::make_shared<ImageSim>(init, image, channels, head, 10, two_tier);
  const Tensor x = uniform({batch, image[0], image[1], image[2]}, 1);
  const Tensor y = affine(uniform({batch}, 2), 9, 0).to(DType::int32);
  Workload w = training_step<ImageSim>(
      model, [x, y](const ImageSim& m) { return softmax_cross_entropy(m(x, true), y); }, 0);
  const double c = double(channels), width = two_tier ? 104 : 50;
  const double first = double(image[0]) * c * window_products(image[1], image[2]);
  const double convs =
      first + c * c * (window_products(image[1], image[2]) + 2 * window_products(image[1] / 2, image[2] / 2));
  const double lift = c * double(image[1] / 4 * (image[2] / 4)) * 50;
  const double maps = (two_tier ? 50 * 52 : 0) + width * width + (width + 64) * 32 + 320;
  w.batch = batch;
  w.flops = 2 * double(batch) * (3 * (convs + lift + maps) - first);  // the images need no gradient
  w.nominal_flops = w.flops;
  return w;
}

struct Entry {
  const char* name;
  std::function<Workload()> make;
};

const std::vector<Entry>& table() {
  static const std::vector<Entry> entries{
      {"copy-sim-single-b1", [] { return copy_memory(1, false); }},
      {"copy-sim-single-b10", [] { return copy_memory(10, false); }},
      {"copy-sim-single-b20", [] { return copy_memory(20, false); }},
      {"copy-sim-two-b10", [] { return copy_memory(10, true); }},
      {"copy-deq-b1", [] { return copy_memory_deq("broyden", 31, 31, false); }},
      {"copy-deq-anderson-b1", [] { return copy_memory_deq("anderson", 30, 30, true); }},
      {"image-sim-single-mnist-b128", [] { return vision(1, 28, 24, false); }},
      {"image-sim-single-cifar-b128", [] { return vision(3, 32, 38, false); }},
      {"image-sim-two-cifar-b128", [] { return vision(3, 32, 36, true); }},
      {"pixel-sim-single", [] { return pixels("single"); }},
      {"pixel-sim-two", [] { return pixels("two"); }},
      {"pixel-sim-rff", [] { return pixels("rff"); }},
  };
  return entries;
}

}  // namespace

std::vector<std::string> workload_names() {
  std::vector<std::string> names;
  for (const Entry& entry : table()) names.push_back(entry.name);
  return names;
}

Workload make_workload(const std::string& name) {
  for (const Entry& entry : table()) {
    if (name != entry.name) continue;
    Workload w = entry.make();
    w.name = name;
    return w;
  }
  std::string known;
  for (const Entry& entry : table()) known += text(known.empty() ? "" : ", ", entry.name);
  fail("bench: given workload '", name, "', expected one of ", known, ", choose one");
}

double measured_gemm_peak() {
  constexpr Index n = 1536;
  const Tensor a = uniform({n, n}, 3), b = uniform({n, n}, 4), c = Tensor::empty({n, n});
  double best = 0;
  for (int i = 0; i < 8; ++i) {
    const auto start = std::chrono::steady_clock::now();
    kernels::gemm({.m = n, .n = n, .k = n}, a.array(), b.array(), c.array());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * n * n * n / seconds / 1e9);
  }
  return best;
}

}  // namespace stillpoint
