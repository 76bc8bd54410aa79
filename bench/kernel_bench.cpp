// Benches kernels at the paper's sizes: GFLOP/s or GB/s, and the fraction of this machine's measured peak.
#include <benchmark/benchmark.h>

#include <chrono>

#include "bench/workloads.h"
#include "engine/ops.h"
#include "kernels/gemm/gemm.h"
#include "kernels/launch/subnormals.h"
#include "kernels/monotone/complex_inverse.h"
#include "kernels/random/random.h"
#include "kernels/root_solver/history.h"
#include "kernels/update/update.h"
#include "models/mondeq.h"
#include "models/sim.h"

namespace stillpoint {
namespace {

Tensor normal(Shape shape, std::uint64_t stream) {
  const Tensor y = Tensor::empty(std::move(shape));
  kernels::fill_normal(y.array(), {11, stream}, 0, 1);
  return y;
}

double gemm_peak() {
  static const double peak = measured_gemm_peak() * 1e9;
  return peak;
}

// Returns the bytes per second of copying 128 MiB; read and written bytes both count.
double copy_peak() {
  static const double peak = [] {
    const Tensor from = normal({1 << 25}, 1);
    double best = 0;
    for (int i = 0; i < 5; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      const Tensor y = clone(from);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      best = std::max(best, 2.0 * double(1 << 25) * 4 / seconds);
      benchmark::DoNotOptimize(y.array().data);
    }
    return best;
  }();
  return peak;
}

void report_flops(benchmark::State& state, double flops) {
  state.counters["GFLOP/s"] = benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["of_peak"] =
      benchmark::Counter(flops / gemm_peak(), benchmark::Counter::kIsIterationInvariantRate);
}

void report_bytes(benchmark::State& state, double bytes) {
  state.counters["GB/s"] = benchmark::Counter(bytes * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["of_peak"] =
      benchmark::Counter(bytes / copy_peak(), benchmark::Counter::kIsIterationInvariantRate);
}

// Runs `op` forward and backward on variables; the `flops` of the forward pass count three times.
void run_op(benchmark::State& state, const std::vector<Tensor>& xs, double flops,
            const std::function<Tensor()>& op) {
  const Tensor seed = normal(op().shape(), 99);
  for (auto _ : state) benchmark::DoNotOptimize(grad(op(), xs, seed)[0].array().data);
  report_flops(state, 3 * flops);
}

void bench_gemm(benchmark::State& state) {
  const Index n = state.range(0);
  const Tensor a = normal({n, n}, 1), b = normal({n, n}, 2), c = Tensor::empty({n, n});
  for (auto _ : state) kernels::gemm({.m = n, .n = n, .k = n}, a.array(), b.array(), c.array());
  report_flops(state, 2.0 * double(n * n * n));
}
BENCHMARK(bench_gemm)->Name("gemm")->Arg(64)->Arg(256)->Arg(1024)->UseRealTime();

// Arguments: batch, dilation.
void bench_tcn_block(benchmark::State& state) {
  Initializer init(1);
  const Tcn tcn(init, {}, 10);
  TcnBlock block = tcn.blocks[1];
  block.dilation = state.range(1);
  const Tensor x = normal({state.range(0), 10, 520}, 2).variable();
  std::vector<Tensor> xs = params_of(block).tensors();
  xs.push_back(x);
  double taps = 0;
  for (Index j = 0; j < 8; ++j) taps += double(std::max<Index>(0, 520 - j * block.dilation));
  run_op(state, xs, 2 * 2 * double(state.range(0)) * 100 * taps, [&] { return block(x, true); });
}
BENCHMARK(bench_tcn_block)->Name("tcn_block")->ArgsProduct({{1, 10}, {1, 16, 128}})->UseRealTime();

// The folded head of copy memory, 10 -> [16 fourier] -> 32 -> 32 -> 10. Argument: positions.
template <bool two_tier>
void bench_narrow_head(benchmark::State& state) {
  Initializer init(1);
  const Tensor x = normal({state.range(0), 10}, 2).variable();
  std::vector<HeadLayer> layers;
  if (two_tier)
    layers.push_back({normal({16, 10}, 3).variable(), normal({16}, 4).variable(), Activation::fourier});
  layers.push_back(Linear(init, two_tier ? 32 : 10, 32).layer(Activation::relu));
  layers.push_back(Linear(init, 32, 32).layer(Activation::relu));
  layers.push_back(Linear(init, 32, 10).layer(Activation::identity));
  std::vector<Tensor> xs{x};
  double flops = 0;
  for (const HeadLayer& layer : layers) {
    xs.insert(xs.end(), {layer.w, layer.b});
    flops += 2 * double(layer.w.size()) * double(state.range(0));
  }
  run_op(state, xs, flops, [&] { return sim_head(x, layers); });
}
BENCHMARK(bench_narrow_head<false>)->Name("sim_head/single")->Arg(520)->Arg(5200)->UseRealTime();
BENCHMARK(bench_narrow_head<true>)->Name("sim_head/two")->Arg(520)->Arg(5200)->UseRealTime();

void bench_wide_head(benchmark::State& state) {
  Initializer init(1);
  const Index n = 65536;
  const Tensor x = normal({n, 256}, 2).variable();
  const std::vector<HeadLayer> layers{Linear(init, 256, 256).layer(Activation::relu),
                                      Linear(init, 256, 256).layer(Activation::relu),
                                      Linear(init, 256, 3).layer(Activation::identity)};
  std::vector<Tensor> xs{x};
  double flops = 0;
  for (const HeadLayer& layer : layers) {
    xs.insert(xs.end(), {layer.w, layer.b});
    flops += 2 * double(layer.w.size()) * double(n);
  }
  run_op(state, xs, flops, [&] { return sim_head(x, layers); });
}
BENCHMARK(bench_wide_head)->Name("sim_head/wide")->UseRealTime()->Unit(benchmark::kMillisecond);

void bench_koopman(benchmark::State& state) {
  const Tensor x = normal({65536, 256}, 1).variable(), u = normal({256, 128}, 2).variable(),
               vt = normal({128, 256}, 3).variable();
  run_op(state, {x, u, vt}, 2.0 * 65536 * 2 * 256 * 128, [&] { return koopman(x, u, vt); });
}
BENCHMARK(bench_koopman)->Name("koopman")->UseRealTime()->Unit(benchmark::kMillisecond);

void bench_fourier(benchmark::State& state) {
  const Tensor x = normal({65536, 256}, 1).variable(), omega = normal({128, 256}, 2);
  const Tensor seed = normal({65536, 256}, 3);
  for (auto _ : state)
    benchmark::DoNotOptimize(grad(random_fourier_features(x, omega), {x}, seed)[0].array().data);
  report_flops(state, 2 * 2.0 * 65536 * 256 * 128);
}
BENCHMARK(bench_fourier)->Name("random_fourier_features")->UseRealTime()->Unit(benchmark::kMillisecond);

void bench_cross_entropy(benchmark::State& state) {
  const Index rows = state.range(0);
  const Tensor logits = normal({rows, 10}, 1).variable();
  const Tensor labels = Tensor::zeros({rows}, {DType::int32});
  for (auto _ : state)
    benchmark::DoNotOptimize(grad(softmax_cross_entropy(logits, labels), {logits})[0].array().data);
  report_bytes(state, double(rows) * 10 * 4 * 3);
}
BENCHMARK(bench_cross_entropy)->Name("softmax_cross_entropy")->Arg(520)->Arg(5200)->UseRealTime();

// Argument: elements.
void bench_adam(benchmark::State& state) {
  const Tensor p = normal({state.range(0)}, 1), g = normal({state.range(0)}, 2),
               m = Tensor::zeros({state.range(0)}), v = Tensor::zeros({state.range(0)}),
               norm = Tensor::zeros({1}), factor = Tensor::zeros({1});
  const kernels::AdamTensor table[]{{p.array(), g.array(), m.array(), v.array()}};
  const Array gradients[]{g.array()}, clip = factor.array();
  const auto values = kernels::adam_coefficients(1e-3, 0.9, 0.999, 10);
  const Tensor coefficients = Tensor::from(std::vector<float>(values.begin(), values.end()), {3});
  for (auto _ : state) {
    kernels::global_norm(gradients, norm.array());
    kernels::clip_factor(norm.array(), 1, clip);
    kernels::adam_step(table, {}, coefficients.array(), &clip);
  }
  report_bytes(state, double(state.range(0)) * 4 * 8);
}
BENCHMARK(bench_adam)->Name("adam")->Arg(17294)->Arg(1 << 20)->UseRealTime();

// The attention of a DEQ cell, and its vector-Jacobian product for the state only. Argument: batch.
void bench_relative_attention(benchmark::State& state) {
  const Index n = state.range(0), length = 520, heads = 8, features = 5, d = heads * features;
  const Tensor qkv = normal({n, length, 3 * d}, 1).variable(), r = normal({length, d}, 2),
               b_w = normal({heads, features}, 3), b_r = normal({heads, features}, 4),
               seed = normal({n, length, d}, 5);
  for (auto _ : state)
    benchmark::DoNotOptimize(grad(relative_attention(qkv, r, b_w, b_r), {qkv}, seed)[0].array().data);
  report_flops(state, 9 * 2 * double(n * d) * double(length * (length + 1)) / 2);
}
BENCHMARK(bench_relative_attention)->Name("relative_attention")->Arg(1)->Arg(10)->UseRealTime();

void bench_layer_norm(benchmark::State& state) {
  const Tensor x = normal({state.range(0), 40}, 1).variable(), seed = normal({state.range(0), 40}, 2);
  for (auto _ : state) benchmark::DoNotOptimize(grad(layer_norm(x), {x}, seed)[0].array().data);
  report_bytes(state, double(state.range(0)) * 40 * 4 * 5);
}
BENCHMARK(bench_layer_norm)->Name("layer_norm")->Arg(520)->Arg(5200)->UseRealTime();

enum class Conv2dPass { forward, data, weight };

// 3 x 3 kernels on 128 images, with a zero border, or a circular one at 54 and 81 channels. Arguments:
// channels, side.
template <Conv2dPass pass>
void bench_conv2d(benchmark::State& state) {
  const Index n = 128, channels = state.range(0), side = state.range(1);
  const Conv2dOptions options{.padding = 1, .circular = channels > 50};
  const Tensor x = normal({n, channels, side, side}, 1), w = normal({channels, channels, 3, 3}, 2),
               b = normal({channels}, 3), g = normal(x.shape(), 4);
  for (auto _ : state) {
    const Tensor y = pass == Conv2dPass::forward ? conv2d(x, w, b, options)
                     : pass == Conv2dPass::data  ? conv2d_data_adjoint(g, w, {side, side}, options)
                                                 : conv2d_weight_adjoint(g, x, {3, 3}, options);
    benchmark::DoNotOptimize(y.array().data);
  }
  report_flops(state, 2.0 * 9 * double(n * side * side * channels * channels));
}
void conv2d_sizes(benchmark::internal::Benchmark* bench) {
  for (const auto& size :
       std::vector<std::vector<std::int64_t>>{{24, 28}, {24, 14}, {38, 32}, {38, 16}, {81, 34}})
    bench->Args(size);
  bench->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(bench_conv2d<Conv2dPass::forward>)->Name("conv2d")->Apply(conv2d_sizes);
BENCHMARK(bench_conv2d<Conv2dPass::data>)->Name("conv2d_data_adjoint")->Apply(conv2d_sizes);
BENCHMARK(bench_conv2d<Conv2dPass::weight>)->Name("conv2d_weight_adjoint")->Apply(conv2d_sizes);

// 128 images. Bytes: x twice forward and twice backward, y, g twice, dx. Arguments: channels, side, pool.
void bench_batch_norm(benchmark::State& state) {
  const Index n = 128, channels = state.range(0), side = state.range(1), pool = state.range(2);
  const Tensor x = normal({n, channels, side, side}, 1).variable(), gain = normal({channels}, 2).variable(),
               shift = normal({channels}, 3).variable();
  const Tensor seed = normal({n, channels, side / pool, side / pool}, 4);
  for (auto _ : state) {
    const Tensor y = batch_norm_relu(x, gain, shift, {pool}).y;
    benchmark::DoNotOptimize(grad(y, {x, gain, shift}, seed)[0].array().data);
  }
  report_bytes(state, 4 * (5.0 * double(x.size()) + 3.0 * double(seed.size())));
}
BENCHMARK(bench_batch_norm)
    ->Name("batch_norm_relu")
    ->Args({24, 28, 1})
    ->Args({24, 28, 2})
    ->Args({38, 32, 1})
    ->Args({38, 32, 2})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// The bytes are x, y and places forward, and g, places and dx backward.
void bench_max_pool(benchmark::State& state) {
  const Tensor x = normal({128, 38, 32, 32}, 1).variable(), seed = normal({128, 38, 16, 16}, 2);
  for (auto _ : state) benchmark::DoNotOptimize(grad(max_pool2d(x, 2), {x}, seed)[0].array().data);
  report_bytes(state, 4 * (2.0 * double(x.size()) + 4.0 * double(seed.size())));
}
BENCHMARK(bench_max_pool)->Name("max_pool2d")->UseRealTime()->Unit(benchmark::kMillisecond);

// The products and the sum of a Broyden step with the rows of one factor. Argument: updates.
void bench_history(benchmark::State& state) {
  const Index count = state.range(0), width = 520 * 40;
  const Tensor rows = normal({1, count, width}, 1), x = normal({1, width}, 2), c = Tensor::empty({1, count}),
               y = Tensor::empty({1, width});
  const kernels::History history{rows.array(), 1, count, width, count};
  for (auto _ : state) {
    kernels::history_products(history, x.array(), c.array());
    kernels::history_sum(history, c.array(), x.array(), y.array());
  }
  report_bytes(state, 4.0 * double(width) * double(2 * count + 3));
}
BENCHMARK(bench_history)->Name("history")->Arg(8)->Arg(30)->UseRealTime();

// The state of a monotone network's single convolution, batch 128. Arguments: channels, side.
Tensor image_state(const benchmark::State& state) {
  return normal({state.range(1) * state.range(1), state.range(0), 128}, 1);
}

// The transform and its inverse. The flops are those of whole matrices; folding executes a fifth of them.
void bench_frequency_grid(benchmark::State& state) {
  const Tensor z = image_state(state);
  const FrequencyGrid grid(state.range(1), {});
  for (auto _ : state) benchmark::DoNotOptimize(grid.inverse(grid.forward(z)).array().data);
  const double n = double(state.range(1)), half = double(state.range(1) / 2 + 1);
  report_flops(state, 2 * 12 * half * n * n * double(state.range(0)) * 128);
}
BENCHMARK(bench_frequency_grid)
    ->Name("frequency_grid")
    ->Args({56, 30})
    ->Args({81, 34})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void bench_frequency_product(benchmark::State& state) {
  const Index c = state.range(0), count = kernels::HalfFrequencies{state.range(1)}.count();
  const Tensor blocks = normal({count, 2 * c, 2 * c}, 1), x = normal({count, 2, c, 128}, 2);
  for (auto _ : state) benchmark::DoNotOptimize(frequency_product(blocks, x).array().data);
  report_flops(state, 8.0 * double(c * c * count) * 128);
}
BENCHMARK(bench_frequency_product)
    ->Name("frequency_product")
    ->Args({56, 30})
    ->Args({81, 34})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void bench_complex_inverse(benchmark::State& state) {
  const Index c = state.range(0), count = kernels::HalfFrequencies{state.range(1)}.count();
  const Tensor m = normal({count, 2, c, c}, 1);
  kernels::sum_blocks(c, {40, 1, 0}, {}, m.array());
  for (auto _ : state) kernels::complex_inverse(c, m.array());  // every second call inverts back
  report_flops(state, 8.0 * double(c * c * c * count));
}
BENCHMARK(bench_complex_inverse)
    ->Name("complex_inverse")
    ->Args({56, 30})
    ->Args({81, 34})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// One iteration of Peaceman-Rachford. Only the flops of the product per frequency count.
void bench_peaceman_rachford(benchmark::State& state) {
  const Index c = state.range(0), n = state.range(1);
  Initializer init(1);
  const ConvMonDeq model(init, {.channels = std::to_string(c)}, 1, n - 2);
  const Recording off(false);
  const ConvMap f = model.map(normal({128, 1, n - 2, n - 2}, 3));
  const auto w = model.splitting_operator(f);
  const Parts bias{to_places(f.bias[0])};
  const SplittingOptions options{.tolerance = 0, .max_iterations = 1};
  for (auto _ : state) benchmark::DoNotOptimize(solve_splitting(*w, bias, options).z[0].array().data);
  report_flops(state, 8.0 * double(c * c * kernels::HalfFrequencies{n}.count()) * 128);
}
BENCHMARK(bench_peaceman_rachford)
    ->Name("peaceman_rachford")
    ->Args({56, 30})
    ->Args({81, 34})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void bench_step(benchmark::State& state, const std::string& name) {
  const Workload w = make_workload(name);
  for (auto _ : state) benchmark::DoNotOptimize(w.step());
  report_flops(state, w.flops);
}

}  // namespace
}  // namespace stillpoint

int main(int argc, char** argv) {
  stillpoint::kernels::flush_subnormals();
  for (const std::string& name : stillpoint::workload_names())
    benchmark::RegisterBenchmark(("step/" + name).c_str(), stillpoint::bench_step, name)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
