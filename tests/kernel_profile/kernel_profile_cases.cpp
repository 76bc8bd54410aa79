// The sizes, the calls and the least traffic in bytes of the profiled kernels.
#include "tests/kernel_profile/kernel_profile_cases.h"

#include <numeric>

#include "kernels/elementwise/elementwise.h"
#include "kernels/embedding/embedding.h"
#include "kernels/lift/lift.h"
#include "kernels/losses/mse.h"
#include "kernels/losses/softmax.h"
#include "kernels/losses/softmax_xent.h"
#include "kernels/sim_head/sim_head_cuda.h"
#include "kernels/strided/strided.h"
#include "kernels/tcn_block/tcn_block_cuda.h"
#include "kernels/update/update.h"
#include "tests/kernel_profile/kernel_profile_arrays.h"

namespace stillpoint::profile {
namespace {

using namespace kernels;

TcnBlockWeights block_weights(const TcnBlockShape& s, const std::function<Array(std::int64_t)>& make) {
  TcnBlockWeights w{make(s.channels * s.in_channels * s.taps),
                    make(s.channels),
                    make(s.channels),
                    make(s.channels * s.channels * s.taps),
                    make(s.channels),
                    make(s.channels),
                    {},
                    {}};
  if (s.in_channels != s.channels) {
    w.down_w = make(s.channels * s.in_channels);
    w.down_b = make(s.channels);
  }
  return w;
}

// Holds one forward and one backward pass; dx is left out if Ci = 1, as in the paper's first block.
struct BlockRun {
  TcnBlockShape s;
  Arrays arrays;
  TcnBlockWeights weights, grads;
  Array x, a, h, y, dy, dx;

  explicit BlockRun(const TcnBlockShape& shape) : s(shape) {
    const std::int64_t out = s.batch * s.channels * s.length, in = s.batch * s.in_channels * s.length;
    weights = block_weights(s, [&](std::int64_t n) { return arrays.drawn(n); });
    grads = block_weights(s, [&](std::int64_t n) { return arrays.result(n); });
    x = arrays.drawn(in);
    dy = arrays.drawn(out);
    a = arrays.result(out);
    h = arrays.result(out);
    y = arrays.result(out);
    if (s.in_channels > 1) dx = arrays.result(in);
  }
  double in() const { return double(x.size); }
  double out() const { return double(y.size); }
  double parameters() const {
    double total = 0;
    for (const Array* w : {&weights.v1, &weights.g1, &weights.b1, &weights.v2, &weights.g2, &weights.b2,
                           &weights.down_w, &weights.down_b})
      total += double(w->size);
    return total;
  }
  double set() const { return double(tcn_block_partial_shape(s, weights.down_w.data != nullptr).set_size); }
};

struct HeadCase {
  const char* name;
  std::int64_t positions, in;
  std::vector<SimHeadLayer> layers;
};

// Runs a chain forward and backward, and knows the sizes that its rows need.
struct HeadRun {
  std::int64_t positions;
  std::vector<SimHeadLayer> layers;
  Arrays arrays;
  Array x, y, dy, saved;
  SimHeadGrads grads;

  explicit HeadRun(const HeadCase& c) : positions(c.positions), layers(c.layers) {
    for (SimHeadLayer& layer : layers) {
      layer.w = arrays.drawn(layer.out * layer.in, 1 / std::sqrt(double(layer.in)));
      layer.b = arrays.drawn(layer.out);
      grads.dw.push_back(arrays.result(layer.w.size));
      grads.db.push_back(arrays.result(layer.out));
    }
    const std::int64_t out = positions * width_of(layers.back());
    x = arrays.drawn(positions * c.in);
    dy = arrays.drawn(out);
    y = arrays.result(out);
    saved = arrays.result(sim_head_saved_size_cuda(positions, layers));
    grads.dx = arrays.result(x.size);
  }
  void run() const {
    sim_head_forward_cuda(positions, layers, x, y, saved);
    sim_head_backward_cuda(positions, layers, x, y, saved, dy, grads);
  }
  double parameters() const {
    double total = 0;
    for (const SimHeadLayer& layer : layers) total += double(layer.out * (layer.in + 1));
    return total;
  }
};

SimHeadLayer layer(std::int64_t in, std::int64_t out, Activation activation) {
  return {in, out, activation, {}, {}};
}

// Returns phi's last map, psi (if wanted), V^T, U, the reverse network and the output, which is how CUDA runs
// copy memory's heads.
std::vector<SimHeadLayer> copy_memory_chain(bool psi) {
  std::vector<SimHeadLayer> chain{layer(10, 32, Activation::identity)};
  if (psi) chain.push_back(layer(32, 16, Activation::fourier));
  for (const SimHeadLayer& next : {layer(32, 16, Activation::identity), layer(16, 32, Activation::identity),
                                   layer(32, 32, Activation::relu), layer(32, 32, Activation::relu),
                                   layer(32, 32, Activation::identity), layer(32, 10, Activation::identity)})
    chain.push_back(next);
  return chain;
}
const HeadCase& single_head() {
  static const HeadCase c{"single, 520 positions", 520, 10, copy_memory_chain(false)};
  return c;
}
const HeadCase& two_tier_head() {
  static const HeadCase c{"two, 520 positions", 520, 10, copy_memory_chain(true)};
  return c;
}

void record_narrow(Recorder& recorder, const HeadCase& c) {
  const HeadRun head(c);
  recorder.run(c.name, [&] { head.run(); });
  const double x = double(head.x.size), y = double(head.y.size), saved = double(head.saved.size);
  const double set = head.parameters(), sets = recorder.blocks("sim_head_backward_fused");
  recorder.row("sim_head_forward_fused", x + y + saved + set);
  recorder.row("sim_head_backward_fused", 2 * x + y + saved + 2 * set);
  recorder.row("gradient_sums", (sets + 1) * set);
}

// Records image regression's chain with a lift, over 1,024 of its 65,536 positions.
void record_wide(Recorder& recorder) {
  const HeadCase c{"wide, 1,024 x 256",
                   1024,
                   64,
                   {layer(64, 128, Activation::fourier), layer(256, 256, Activation::relu),
                    layer(256, 3, Activation::identity)}};
  const HeadRun head(c);
  recorder.run(c.name, [&] { head.run(); });
  const double p = double(c.positions), sets = 4;
  recorder.row("each_element<Lift>", p * (128 + 256));
  recorder.row("each_element<LinearEpilogue>", p * 2 * 256);
  recorder.row("each_value<ReluAdjoint>", p * 3 * 256);
  recorder.row("each_element<LiftAdjoint>", p * (2 * 256 + 128));
  recorder.row("column_sums<PlainSink>", (p + 2 * sets + 1) * (128 + 256 + 3));
}

std::vector<std::int64_t> copy_memory_tensors() {
  std::vector<std::int64_t> sizes{80, 10, 10, 800, 10, 10, 10, 10};
  for (int block = 1; block < 8; ++block)
    for (const std::int64_t n : {800, 10, 10, 800, 10, 10}) sizes.push_back(n);
  for (const std::int64_t n : {320, 32, 512, 512, 1024, 32, 1024, 32, 1024, 32, 320, 10}) sizes.push_back(n);
  return sizes;
}

}  // namespace

void Recorder::run(const std::string& sizes, const std::function<void()>& call) {
  require_no_rest();
  sizes_ = sizes;
  simt::set_late(false);
  simt::set_seed(seed_);
  simt::profile(true);
  call();
  simt::profile(false);
  rest_.clear();
  for (const std::string& name : simt::profiled_kernels())
    if (!name.starts_with("cub::")) rest_[short_name(name)] = simt::kernel_profile(name);
  ran_ = rest_;
}

void Recorder::row(const std::string& kernel, double floats) {
  const auto found = rest_.find(kernel);
  require(found != rest_.end(), "kernel profile: given ", kernel, " at ", sizes_, ", expected one of ",
          rest_.size(), " kernels that ran, name it as the table does");
  rows_.push_back(row_of(kernel, sizes_, found->second, 4 * floats));
  rest_.erase(found);
}

double Recorder::blocks(const std::string& kernel) const { return double(ran_.at(kernel).blocks); }

std::vector<Row> Recorder::rows() const {
  require_no_rest();
  return rows_;
}

void Recorder::require_no_rest() const {
  require(rest_.empty(), "kernel profile: given ", rest_.empty() ? "" : rest_.begin()->first, " at ", sizes_,
          " without a row, expected one per kernel, add it with its least bytes");
}

void record_tcn_block(Recorder& recorder, std::int64_t dilation) {
  const BlockRun b({1, dilation == 1 ? 1 : 10, 10, 520, 8, dilation});
  recorder.run("N = 1, d = " + std::to_string(dilation), [&] {
    tcn_block_forward_cuda(b.s, b.weights, b.x, b.a, b.h, b.y);
    tcn_block_backward_cuda(b.s, b.weights, b.x, {b.a, b.h}, b.y, b.dy, b.dx, b.grads);
  });
  const double sets = recorder.blocks("tcn_block_backward_fused");
  recorder.row("tcn_block_forward_fused", b.in() + 3 * b.out() + b.parameters());
  recorder.row("tcn_block_backward_fused",
               b.in() + double(b.dx.size) + 4 * b.out() + b.parameters() + b.set());
  recorder.row("gradient_sums", sets * b.set() + 2 * b.parameters());
}

void record_tcn_general(Recorder& recorder) {
  const BlockRun b({1, 32, 32, 260, 8, 2});
  recorder.run("general, C = 32, T = 260, d = 2", [&] {
    tcn_block_forward_general(b.s, b.weights, b.x, b.a, b.h, b.y);
    tcn_block_backward_general(b.s, b.weights, b.x, {b.a, b.h}, b.y, b.dy, b.dx, b.grads);
  });
  const double out = b.out(), w = double(b.weights.v1.size), channels = double(b.s.channels);
  recorder.row("each_warp_row<NormaliseWeight>", 4 * (2 * w + channels));
  recorder.row("tile_product<Convolution<FirstEpilogue>>", 2 * out + w + channels);
  recorder.row("tile_product<Convolution<SecondEpilogue>>", 4 * out + w + channels);
  recorder.row("each_element<MaskedErrors>", 5 * out);
  recorder.row("tile_product<Convolution<GateEpilogue>>", 3 * out + w);
  recorder.row("tile_product<Convolution<InputEpilogue>>", 3 * out + w);
  recorder.row("tile_product<WeightGradient>", 4 * out + b.set());
  recorder.row("gradient_sums", b.set() + 2 * b.parameters());
}

void record_heads(Recorder& recorder) {
  record_narrow(recorder, single_head());
  record_narrow(recorder, two_tier_head());
  record_wide(recorder);
}

void record_losses(Recorder& recorder) {
  Arrays arrays;
  const std::int64_t rows = 520, classes = 10, elements = 16384 * 3;
  const Array logits = arrays.drawn(rows * classes), labels = arrays.labels(rows, int(classes)),
              one = arrays.drawn(1);
  const Array losses = arrays.result(rows), gradient = arrays.result(rows * classes);
  recorder.run("520 x 10", [&] {
    softmax_xent_forward(rows, classes, logits, labels, losses);
    softmax_xent_backward(rows, classes, logits, labels, one, 1.0 / double(rows), gradient);
    softmax(classes, logits, gradient);
  });
  recorder.row("each_warp_row<RowLoss>", double(rows * (classes + 2)));
  recorder.row("each_warp_row<RowGradient>", double(rows * (2 * classes + 1) + 1));
  recorder.row("each_warp_row<Softmax>", double(rows * 2 * classes));
  const Array x = arrays.drawn(elements), t = arrays.drawn(elements), dx = arrays.result(elements),
              loss = arrays.result(1);
  recorder.run("49,152 elements", [&] {
    mse(x, t, loss);
    mse_adjoint(x, t, one, dx);
  });
  const double chunks = double(elements / 4096);
  recorder.row("each_warp_row<SquaredError>", 2 * double(elements) + chunks);
  recorder.row("each_warp_row<SumChunk>", chunks + 1);
  recorder.row("each_element<MseAdjoint>", 3 * double(elements) + 1);
}

void record_optimiser(Recorder& recorder) {
  Arrays arrays;
  std::vector<AdamTensor> tensors;
  std::vector<Array> gradients;
  double parameters = 0, chunks = 0;
  for (const std::int64_t n : copy_memory_tensors()) {
    tensors.push_back({arrays.drawn(n), arrays.drawn(n), arrays.zeros(n), arrays.zeros(n)});
    gradients.push_back(tensors.back().grad);
    parameters += double(n);
    chunks += double((n + 255) / 256);
  }
  require(parameters == 17294 && tensors.size() == 62, "kernel profile: given ", parameters,
          " parameters in ", tensors.size(),
          " tensors, expected copy memory's 17294 in 62, correct the list");
  const Array coefficients = arrays.drawn(4), norm = arrays.result(1), factor = arrays.result(1);
  recorder.run("17,294 parameters", [&] {
    global_norm(gradients, norm, {1, factor});
    adam_step(tensors, {}, coefficients, &factor);
  });
  recorder.row("each_warp_row_then<SquaresChunk, RootOfSum>", parameters + 4 * chunks + 2);
  recorder.row("each_warp_row<AdamChunk>", 7 * parameters + 5);
}

void record_lift(Recorder& recorder) {
  Arrays arrays;
  const std::int64_t rows = 256, m = 128, n = rows * m;
  const Array p = arrays.drawn(n), y = arrays.result(2 * n), g = arrays.drawn(2 * n), dp = arrays.result(n),
              t = arrays.result(2 * n);
  recorder.run("256 x 128", [&] {
    lift(m, p, y);
    lift_adjoint(m, y, g, dp);
    lift_tangent(m, y, p, t);
  });
  recorder.row("each_element<Lift>", 3 * double(n));
  recorder.row("each_element<LiftAdjoint>", 5 * double(n));
  recorder.row("each_element<LiftTangent>", 5 * double(n));
}

void record_embedding(Recorder& recorder) {
  Arrays arrays;
  const std::int64_t vocabulary = 10, width = 32, n = 520;
  const Array table = arrays.drawn(vocabulary * width), ids = arrays.labels(n, int(vocabulary)),
              y = arrays.result(n * width), gradient = arrays.result(vocabulary * width);
  recorder.run("520 of 10 x 32", [&] {
    embedding(width, table, ids, y);
    embedding_adjoint(width, y, ids, gradient);
  });
  const double least = double(vocabulary * width + n + n * width);
  recorder.row("each_element<Embedding>", least);
  recorder.row("each_element<EmbeddingAdjoint>", least);
  const std::int64_t many = 5200, wide = 40, chunks = (many + 63) / 64;
  const Array more_ids = arrays.labels(many, int(vocabulary)), dy = arrays.drawn(many * wide),
              wide_gradient = arrays.result(vocabulary * wide);
  recorder.run("5,200 of 10 x 40", [&] { embedding_adjoint(wide, dy, more_ids, wide_gradient); });
  recorder.row("each_element<MakeKeys>", 3 * double(many));
  recorder.row("each_element<FindStarts>", 2 * double(vocabulary + 1));
  recorder.row("each_element<SumRuns>", double(many * (2 + wide) + chunks * wide));
  recorder.row("each_warp_row<SumParts>", double(chunks * wide + vocabulary * wide));
}

void record_elementwise(Recorder& recorder) {
  Arrays arrays;
  const std::int64_t n = 256 * 128;
  const Array a = arrays.drawn(n), b = arrays.drawn(n), y = arrays.result(n), ids = arrays.labels(n, 10);
  recorder.run("32,768 elements", [&] {
    unary(Unary::relu, a, y);
    binary(Binary::multiply, a, b, y);
    affine(a, 2, 1, y);
    fill(y, 1);
    cast(ids, y);
  });
  recorder.row("each_element<Map<Relu>>", 2 * double(n));
  recorder.row("each_value<Zip<Multiply>>", 3 * double(n));
  recorder.row("each_value<Affine>", 2 * double(n));
  recorder.row("each_element<Fill>", double(n));
  recorder.row("each_value<Cast>", 2 * double(n));
}

// Records copy memory's transposition from (C,T) to positions and back, a repeated row, a copy into a part of
// an array, and sums over rows and columns.
void record_strided(Recorder& recorder) {
  Arrays arrays;
  const std::int64_t channels = 10, length = 520, rows = 128, columns = 96, n = rows * columns;
  const Array series = arrays.drawn(channels * length), positions = arrays.result(channels * length);
  const View to_positions{2, {length, channels}, {1, length}, 0},
      back{2, {channels, length}, {1, channels}, 0};
  recorder.run("(10, 520) to positions", [&] { gather(series, to_positions, positions); });
  recorder.row("each_element<Gather>", 2 * double(series.size));
  recorder.run("positions to (10, 520)", [&] { gather(series, back, positions); });
  recorder.row("each_element<Gather>", 2 * double(series.size));
  const Array x = arrays.drawn(n), y = arrays.result(n), row_sums = arrays.result(rows),
              column_sums = arrays.result(columns);
  const View repeated{2, {rows, columns}, {0, 1}, 0}, straight{2, {rows, columns}, {columns, 1}, 0};
  const View along{1, {columns}, {1}, 0}, down{1, {rows}, {columns}, 0};
  recorder.run("a row repeated, 128 x 96", [&] { gather(x, repeated, y); });
  recorder.row("each_element<Gather>", double(n + columns));
  recorder.run("in order, 128 x 96", [&] { scatter(x, straight, y); });
  recorder.row("each_element<Scatter>", 2 * double(n));
  recorder.run("of rows, 128 x 96", [&] { sum_strided(x, down, along, row_sums); });
  recorder.row("each_warp_row<SumStrided>", double(n + rows));
  recorder.run("of columns, 128 x 96", [&] { sum_strided(x, along, down, column_sums); });
  recorder.row("each_warp_row<SumStrided>", double(n + columns));
}

}  // namespace stillpoint::profile
