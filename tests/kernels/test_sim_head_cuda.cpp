// Tests the CUDA kernels of the SIM head, on the emulator, against plain loops in double.
#include <algorithm>

#include "engine/cases/sim_head_oracle.h"
#include "kernels/gemm/gemm.h"
#include "kernels/sim_head/sim_head_cuda.h"
#include "tests/support/cuda_machine.h"
#include "tests/support/device_array.h"

namespace stillpoint::kernels {
namespace {

using oracle::Values;

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

// Returns an operand as the tensor cores get it: tf32 with ties away from zero, bf16 with ties to even.
double rounded(Precision p, double exact) {
  const double v = double(float(exact));
  if (p == Precision::float32) return exact;
  if (v == 0) return v;
  const double unit = std::ldexp(1.0, std::ilogb(v) - (p == Precision::tf32 ? 10 : 7));
  return (p == Precision::tf32 ? std::round(v / unit) : std::nearbyint(v / unit)) * unit;
}
Values rounded(Precision p, Values values) {
  for (double& v : values) v = rounded(p, v);
  return values;
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
  std::vector<SimHeadLayer> layers;
  SimHeadGrads grads;
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
  const auto saved = on_device(unwritten<T>(sim_head_saved_size_cuda(chain.positions, layers)));
  const auto dx = on_device(unwritten<T>(std::int64_t(inputs.x.size())));
  grads.dx = array_or_null(dx, chain.wants_dx);
  const bool wide = path == Path::wide;
  const auto forward = wide ? sim_head_forward_wide : sim_head_forward_cuda;
  forward(chain.positions, layers, x.array(), y.array(), saved.array());
  forward(chain.positions, layers, x.array(), y_unsaved.array(), Array{});
  (wide ? sim_head_backward_wide : sim_head_backward_cuda)(chain.positions, layers, x.array(), y.array(),
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

// Checks layer by layer from the kernel's own activations, so that ReLU masks and roundings agree exactly.
template <class T>
void check_values(const Chain& chain, const Inputs<T>& inputs, const Outcome<T>& outcome, Precision p) {
  const std::size_t count = chain.layers.size();
  double k = 0;
  CHECK(outcome.y_unsaved == outcome.y);
  const Values saved = to_double(outcome.saved);
  auto from = saved.begin();
  std::vector<Values> z{to_double(inputs.x)};
  const auto layer = [&](std::size_t l) {
    return oracle::SimHeadLayer{chain.in_of(l), chain.layers[l].out, chain.layers[l].activation,
                                rounded(p, to_double(inputs.w[l])), to_double(inputs.b[l])};
  };
  for (std::size_t l = 0; l < count; ++l) {
    k += double(chain.in_of(l));
    const bool last = l + 1 == count;
    const auto to = last ? from : from + chain.positions * chain.width(l);
    z.push_back(last ? to_double(outcome.y) : Values(from, to));
    from = to;
    check_close(last ? "y" : "saved", std::vector<T>(z[l + 1].begin(), z[l + 1].end()),
                layer(l)(rounded(p, z[l])), double(chain.in_of(l) + 1));
  }
  CHECK(from == saved.end());
  // If the precision rounds, sums of din are rounded to float32, so that the next layer's dp rounds as the
  // kernel's does.
  const auto operand = [p](double dp) { return rounded(p, dp); };
  const auto sum = [p](double din) { return p == Precision::float32 ? din : double(float(din)); };
  Values dz = to_double(inputs.dy);
  for (std::size_t l = count; l-- > 0;) {
    const oracle::SimHeadLayer own = layer(l);
    const oracle::SimHeadLayerGradients d =
        own.gradients(rounded(p, z[l]), own.inner_gradient(z[l + 1], dz), operand, sum);
    const double terms = k + double(chain.positions);
    if (!outcome.dw[l].empty()) check_close("dw", outcome.dw[l], d.dw, terms);
    if (!outcome.db[l].empty()) check_close("db", outcome.db[l], d.db, terms);
    dz = d.din;
  }
  if (chain.wants_dx) check_close("dx", outcome.dx, dz, k);
}

template <class T>
Outcome<T> check_chain(const Chain& chain, Path path, Precision p = Precision::float32) {
  INFO("positions " << chain.positions << " in " << chain.in << " layers " << chain.layers.size()
                    << (path == Path::wide ? " wide " : " chosen ") << name_of(dtype_of<T>()) << " precision "
                    << int(p));
  const ScopedPrecision scope(p);
  const Inputs<T> inputs = random_inputs<T>(chain);
  simt::set_seed(0);
  const Outcome<T> outcome = run_chain(chain, inputs, path);
  for (const std::uint64_t seed : {5, 23}) {
    simt::set_seed(seed);
    simt::set_late(seed == 23);
    CHECK(run_chain(chain, inputs, path) == outcome);
  }
  simt::set_late(false);
  check_values(chain, inputs, outcome, p);
  return outcome;
}

const Chain copy_head{260,
                      10,
                      {{32, identity},
                       {16, identity, false},
                       {32, identity, false},
                       {32, rectified},
                       {32, rectified},
                       {32, identity},
                       {10, identity}}};

}  // namespace

TEST_CASE("the fused SIM head agrees with plain loops", "[cuda][orders][sim_head]") {
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

TEST_CASE("the SIM head layer by layer agrees with plain loops", "[cuda][orders][sim_head]") {
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

TEST_CASE("the SIM head leaves out the gradients that are not wanted", "[cuda][orders][sim_head]") {
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
  CHECK_COUNTED(simt::stats().launches == 4);  // forward runs twice, with and without saved activations
  CHECK_COUNTED(simt::stats().library_calls == 0);
}

const Chain folded_head{200, 10, {{32, rectified}, {32, rectified}, {10, identity}}};
const Chain folded_two{
    133, 10, {{16, fourier, false, false}, {32, rectified}, {32, rectified}, {10, identity}}};

TEST_CASE("the SIM head on tensor cores agrees with plain loops over rounded operands",
          "[cuda][orders][sim_head]") {
  const Chain chains[] = {
      folded_head,
      folded_two,
      {1, 1, {{1, identity}}},
      {33, 3, {{5, rectified}}},
      {70, 2, {{7, fourier}}},
      {65, 13, {{9, rectified, false}, {11, fourier}, {6, rectified}, {3, fourier}, {5, identity}}},
      {9, 64, {{64, rectified}, {32, fourier}, {64, identity}}},
      {16500, 2, {{3, rectified}, {2, identity}}},  // more tiles of 64 positions than sets
      {40,
       6,
       {{4, rectified, true, true, false, true},
        {5, fourier, true, true, true, false},
        {3, identity, true, false}},
       false},
      {40, 6, {{4, rectified, true, false}, {3, identity, true, false}}},
  };
  for (const Precision p : {Precision::tf32, Precision::bf16})
    for (const Chain& chain : chains) check_chain<float>(chain, Path::chosen, p);
}

TEST_CASE("the SIM head on tensor cores stays as near to float32 as its mantissa", "[cuda][sim_head]") {
  for (const Chain& chain : {folded_head, folded_two}) {
    const auto inputs = random_inputs<float>(chain);
    const Outcome<float> exact = run_chain(chain, inputs, Path::chosen);
    double before = 0;
    for (const Precision p : {Precision::tf32, Precision::bf16}) {
      const ScopedPrecision scope(p);
      const Outcome<float> outcome = run_chain(chain, inputs, Path::chosen);
      // Each operand is off by at most half a unit of its last place, so that a product is off by nearly one
      // unit.
      const double unit = p == Precision::tf32 ? std::ldexp(1.0, -10) : std::ldexp(1.0, -7), k = 1;
      check_close("y", outcome.y, to_double(exact.y), k, 1, unit);
      check_close("dw", outcome.dw.back(), to_double(exact.dw.back()), k, 1, unit);
      // The sums of unrounded errors differ only in their order.
      check_close("db", outcome.db.back(), to_double(exact.db.back()), double(chain.positions));
      double change = 0;
      for (std::size_t i = 0; i < exact.y.size(); ++i)
        change = std::max(change, std::abs(double(outcome.y[i]) - double(exact.y[i])));
      CHECK(change > (before > 0 ? 4 * before : 1e-4));
      before = change;
    }
  }
}

#if STILLPOINT_SIMT
TEST_CASE("the SIM head takes tensor cores where tf32 or bf16 is asked for float32", "[cuda][sim_head]") {
  const auto inputs = random_inputs<float>(folded_two);
  const auto inputs64 = random_inputs<double>(folded_two);
  // Checks that the names of the kernels that run hold these: forward with and without saved activations,
  // backward, its sums.
  const auto runs = [](auto&& call, const std::string& forward, const std::string& backward) {
    simt::reset_stats();
    call();
    CHECK_COUNTED(simt::stats().library_calls == 0);
    const auto log = simt::launch_log();
    REQUIRE(log.size() == 4);
    for (const std::size_t i : {0, 1, 2}) {
      INFO(log[i]);
      CHECK(log[i].find(i < 2 ? forward : backward) != std::string::npos);
    }
  };
  const auto run32 = [&] { run_chain(folded_two, inputs, Path::chosen); };
  const auto run64 = [&] { run_chain(folded_two, inputs64, Path::chosen); };
  runs(run32, "::sim_head_forward_fused<float>", "::sim_head_backward_fused<float>");
  for (const auto& [p, kind] :
       {std::pair<Precision, std::string>{Precision::tf32, "Tf32>"}, {Precision::bf16, "Bf16>"}}) {
    const ScopedPrecision scope(p);
    runs(run32, "::sim_head_forward_mma<stillpoint::kernels::tensor::" + kind,
         "::sim_head_backward_mma<stillpoint::kernels::tensor::" + kind);
    runs(run64, "::sim_head_forward_fused<double>", "::sim_head_backward_fused<double>");
  }
}
#endif

TEST_CASE("a narrow SIM head too long for shared memory goes layer by layer, rounded", "[cuda][sim_head]") {
  const Chain chain{20, 64, std::vector<Layer>(12, Layer{64, rectified})};
  for (const Precision p : {Precision::tf32, Precision::bf16}) {
    const Outcome<float> outcome = check_chain<float>(chain, Path::chosen, p);
    const ScopedPrecision scope(p);
    CHECK(run_chain(chain, random_inputs<float>(chain), Path::wide) == outcome);
  }
}

}  // namespace stillpoint::kernels
