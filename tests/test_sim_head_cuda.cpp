// The CUDA kernels of the SIM head, on the emulator, against plain loops in double.
#include "kernels/sim_head_cuda.h"
#include "simt/machine.h"
#include "tests/device_array.h"

namespace stillpoint::kernels {
namespace {

using Values = std::vector<double>;

struct Layer {
  std::int64_t out;
  Activation activation;
  bool bias = true, train = true, wants_dw = true, wants_db = true;
};
struct Chain {
  std::int64_t positions, in;
  std::vector<Layer> layers;
  bool wants_dx = true;

  std::int64_t width(std::size_t l) const {
    return layers[l].activation == Activation::fourier ? 2 * layers[l].out : layers[l].out;
  }
  std::int64_t in_of(std::size_t l) const { return l == 0 ? in : width(l - 1); }
};

constexpr Activation identity = Activation::identity, rectified = Activation::relu,
                     fourier = Activation::fourier;

// One layer of the reference: z from its input.
Values layer_forward(const Chain& chain, std::size_t l, const Values& w, const Values& b, const Values& in) {
  const std::int64_t n = chain.in_of(l), m = chain.layers[l].out, width = chain.width(l);
  Values z(std::size_t(chain.positions * width));
  for (std::int64_t r = 0; r < chain.positions; ++r)
    for (std::int64_t o = 0; o < m; ++o) {
      double p = b.empty() ? 0 : b[std::size_t(o)];
      for (std::int64_t c = 0; c < n; ++c) p += w[std::size_t(o * n + c)] * in[std::size_t(r * n + c)];
      double* const row = z.data() + r * width;
      if (chain.layers[l].activation == fourier) {
        row[o] = std::sqrt(1.0 / double(m)) * std::cos(p);
        row[m + o] = std::sqrt(1.0 / double(m)) * std::sin(p);
      } else {
        row[o] = chain.layers[l].activation == rectified && p < 0 ? 0 : p;
      }
    }
  return z;
}

struct LayerGradients {
  Values dw, db, din;
};
LayerGradients layer_backward(const Chain& chain, std::size_t l, const Values& w, const Values& in,
                              const Values& z, const Values& dz) {
  const std::int64_t n = chain.in_of(l), m = chain.layers[l].out, width = chain.width(l);
  LayerGradients d{Values(w.size()), Values(std::size_t(m)), Values(in.size())};
  for (std::int64_t r = 0; r < chain.positions; ++r)
    for (std::int64_t o = 0; o < m; ++o) {
      const double *const zr = z.data() + r * width, *const dr = dz.data() + r * width;
      double dp = dr[o];
      if (chain.layers[l].activation == rectified) dp = zr[o] > 0 ? dp : 0;
      if (chain.layers[l].activation == fourier) dp = zr[o] * dr[m + o] - zr[m + o] * dr[o];
      d.db[std::size_t(o)] += dp;
      for (std::int64_t c = 0; c < n; ++c) {
        d.dw[std::size_t(o * n + c)] += dp * in[std::size_t(r * n + c)];
        d.din[std::size_t(r * n + c)] += dp * w[std::size_t(o * n + c)];
      }
    }
  return d;
}

template <class T>
struct Outcome {
  std::vector<T> y, y_unsaved, saved, dx;
  std::vector<std::vector<T>> dw, db;
  bool operator==(const Outcome&) const = default;
};

template <class T>
struct Inputs {
  std::vector<T> x, dy;
  std::vector<std::vector<T>> w, b;
};

template <class T>
Inputs<T> random_inputs(const Chain& chain) {
  std::mt19937 rng(unsigned(chain.positions + 100 * std::int64_t(chain.layers.size())));
  Inputs<T> inputs;
  inputs.x = random_values<T>(rng, chain.positions * chain.in);
  for (std::size_t l = 0; l < chain.layers.size(); ++l) {
    const std::int64_t in = chain.in_of(l);
    inputs.w.push_back(random_values<T>(rng, chain.layers[l].out * in, 1.0 / std::sqrt(double(in))));
    inputs.b.push_back(random_values<T>(rng, chain.layers[l].bias ? chain.layers[l].out : 0));
  }
  inputs.dy = random_values<T>(rng, chain.positions * chain.width(chain.layers.size() - 1));
  return inputs;
}

template <class T>
DeviceArray<T> on_device(const std::vector<T>& values) {
  return DeviceArray<T>(Device::cuda, values);
}
template <class T>
Array array_or_null(const DeviceArray<T>& a, bool wanted) {
  return wanted ? a.array() : Array{};
}

enum class Path { chosen, wide };

template <class T>
Outcome<T> run_chain(const Chain& chain, const Inputs<T>& inputs, Path path) {
  std::vector<DeviceArray<T>> w, b, dw, db;
  std::vector<ChainLayer> layers;
  ChainGrads grads;
  for (std::size_t l = 0; l < chain.layers.size(); ++l) {
    const Layer& layer = chain.layers[l];
    w.push_back(on_device(inputs.w[l]));
    b.push_back(on_device(inputs.b[l]));
    dw.push_back(on_device(unwritten<T>(std::int64_t(inputs.w[l].size()))));
    db.push_back(on_device(unwritten<T>(layer.out)));
    layers.push_back({chain.in_of(l), layer.out, layer.activation, w[l].array(),
                      array_or_null(b[l], layer.bias), layer.train});
    grads.dw.push_back(array_or_null(dw[l], layer.wants_dw));
    grads.db.push_back(array_or_null(db[l], layer.wants_db));
  }
  const auto x = on_device(inputs.x), dy = on_device(inputs.dy);
  const auto y = on_device(unwritten<T>(std::int64_t(inputs.dy.size()))),
             y_unsaved = y.array().size == 0 ? on_device(inputs.dy) : on_device(unwritten<T>(y.array().size));
  const auto saved = on_device(unwritten<T>(chain_saved_size_cuda(chain.positions, layers)));
  const auto dx = on_device(unwritten<T>(std::int64_t(inputs.x.size())));
  grads.dx = array_or_null(dx, chain.wants_dx);
  const bool wide = path == Path::wide;
  const auto forward = wide ? chain_forward_wide : chain_forward_cuda;
  forward(chain.positions, layers, x.array(), y.array(), saved.array());
  forward(chain.positions, layers, x.array(), y_unsaved.array(), Array{});
  (wide ? chain_backward_wide : chain_backward_cuda)(chain.positions, layers, x.array(), y.array(),
                                                     saved.array(), dy.array(), grads);
  Outcome<T> outcome{y.host(), y_unsaved.host(), saved.host(), {}, {}, {}};
  if (chain.wants_dx) outcome.dx = dx.host();
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const bool train = chain.layers[l].train;
    outcome.dw.push_back(train && chain.layers[l].wants_dw ? dw[l].host() : std::vector<T>{});
    outcome.db.push_back(train && chain.layers[l].wants_db ? db[l].host() : std::vector<T>{});
  }
  return outcome;
}

template <class T>
void check_values(const Chain& chain, const Inputs<T>& inputs, const Outcome<T>& outcome) {
  const std::size_t count = chain.layers.size();
  double k = 0;
  std::vector<Values> z{to_double(inputs.x)};
  for (std::size_t l = 0; l < count; ++l) {
    z.push_back(layer_forward(chain, l, to_double(inputs.w[l]), to_double(inputs.b[l]), z[l]));
    k += double(chain.in_of(l));
  }
  check_close("y", outcome.y, z[count], k);
  CHECK(outcome.y_unsaved == outcome.y);
  // Backward reads the kernel's own activations, and so does its reference: ReLU masks agree exactly.
  const Values saved = to_double(outcome.saved);
  auto from = saved.begin();
  for (std::size_t l = 1; l < count; ++l) {
    const Values expected = z[l];
    z[l].assign(from, from + chain.positions * chain.width(l - 1));
    from += chain.positions * chain.width(l - 1);
    check_close("saved", std::vector<T>(z[l].begin(), z[l].end()), expected, k);
  }
  CHECK(from == saved.end());
  z[count] = to_double(outcome.y);
  Values dz = to_double(inputs.dy);
  for (std::size_t l = count; l-- > 0;) {
    const LayerGradients d = layer_backward(chain, l, to_double(inputs.w[l]), z[l], z[l + 1], dz);
    const double terms = k + double(chain.positions);
    if (!outcome.dw[l].empty()) check_close("dw", outcome.dw[l], d.dw, terms);
    if (!outcome.db[l].empty()) check_close("db", outcome.db[l], d.db, terms);
    dz = d.din;
  }
  if (chain.wants_dx) check_close("dx", outcome.dx, dz, k);
}

template <class T>
void check_chain(const Chain& chain, Path path) {
  INFO("positions " << chain.positions << " in " << chain.in << " layers " << chain.layers.size()
                    << (path == Path::wide ? " wide " : " chosen ") << name_of(dtype_of<T>()));
  const Inputs<T> inputs = random_inputs<T>(chain);
  simt::set_seed(0);
  const Outcome<T> outcome = run_chain(chain, inputs, path);
  for (const std::uint64_t seed : {5, 23}) {
    simt::set_seed(seed);
    simt::set_late(seed == 23);
    CHECK(run_chain(chain, inputs, path) == outcome);
  }
  simt::set_late(false);
  check_values(chain, inputs, outcome);
}

const Chain copy_head{520,
                      10,
                      {{32, identity},
                       {16, identity, false},
                       {32, identity, false},
                       {32, rectified},
                       {32, rectified},
                       {32, identity},
                       {10, identity}}};

}  // namespace

TEST_CASE("the fused SIM head agrees with plain loops", "[cuda][sim_head]") {
  const Chain fixed_frequencies{100, 7, {{5, fourier, false, false}, {9, rectified}, {3, identity}}};
  const Chain chains[] = {
      copy_head,
      fixed_frequencies,
      {1, 1, {{1, identity}}},
      {33, 3, {{5, rectified}}},
      {70, 2, {{7, fourier}}},
      {65, 13, {{9, rectified, false}, {11, fourier}, {6, rectified}, {3, fourier}, {5, identity}}},
      {9, 64, {{64, rectified}, {32, fourier}, {64, identity}}},
      {20000, 2, {{3, rectified}, {2, identity}}},
  };
  for (const Chain& chain : chains) {
    check_chain<float>(chain, Path::chosen);
    check_chain<double>(chain, Path::chosen);
  }
}

TEST_CASE("the SIM head layer by layer agrees with plain loops", "[cuda][sim_head]") {
  const Chain chains[] = {
      {50, 10, {{32, identity}, {16, fourier, false}, {32, rectified}, {10, identity}}},
      {1, 1, {{1, rectified}}},
      {3000, 3, {{5, rectified}, {4, fourier}, {2, identity}}},
      {40, 70, {{100, rectified}, {33, fourier}, {70, identity, false}}},
  };
  for (const Chain& chain : chains) {
    check_chain<float>(chain, Path::wide);
    check_chain<double>(chain, Path::wide);
  }
  check_chain<float>(chains[3], Path::chosen);
}

TEST_CASE("the SIM head leaves out the gradients that are not wanted", "[cuda][sim_head]") {
  const Chain chain{40,
                    6,
                    {{4, rectified, true, true, false, true},
                     {5, fourier, true, true, true, false},
                     {3, identity, true, false}},
                    false};
  check_chain<float>(chain, Path::chosen);
  check_chain<float>(chain, Path::wide);
  const Chain frozen{40, 6, {{4, rectified, true, false}, {3, identity, true, false}}};
  check_chain<float>(frozen, Path::chosen);
}

TEST_CASE("the SIM head's gradients of no positions are zero", "[cuda][sim_head]") {
  const Chain chain{0, 3, {{2, rectified}, {2, identity}}};
  const auto outcome = run_chain(chain, random_inputs<float>(chain), Path::chosen);
  for (const auto* list : {&outcome.dw, &outcome.db})
    for (const auto& g : *list)
      for (const float value : g) CHECK(value == 0.0f);
}

TEST_CASE("the SIM head takes one launch forward and two backward", "[cuda][sim_head]") {
  const auto inputs = random_inputs<float>(copy_head);
  simt::reset_stats();
  run_chain(copy_head, inputs, Path::chosen);
  CHECK(simt::stats().launches == 4);  // forward runs twice, with and without saved activations
  CHECK(simt::stats().library_calls == 0);
}

}  // namespace stillpoint::kernels
