// Runs every workload of `stillpoint bench` at a small size, and checks counts of its work by hand.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "engine/cases/op_cases.h"
#include "tasks/bench/workload.h"
#include "tests/support/catch.h"

namespace stillpoint::bench {
namespace {

const Workload& named(const std::string& name) {
  for (const Workload& w : workloads())
    if (w.name == name) return w;
  FAIL("no workload " << name);
  throw;
}

Sizes small_sizes(const Workload& w) {
  Sizes s = w.usual;
  if (w.axes.batch) s.batch = 2;
  if (w.axes.length) s.length = 8;
  if (w.axes.width) s.width = 8;
  if (w.axes.evaluations) s.evaluations = 3;
  return s;
}

void run(const Call& call) {
  if (call.before) call.before();
  call.run();
}

}  // namespace

TEST_CASE("every workload has its own name, and names a SIM that exists", "[bench]") {
  std::set<std::string> names;
  for (const Workload& w : workloads()) {
    INFO(w.name);
    CHECK(names.insert(w.name).second);
    CHECK_FALSE(w.summary.empty());
  }
  for (const Workload& w : workloads())
    if (!w.sim.empty()) CHECK(names.contains(w.sim));
}

TEST_CASE("every op case and every room of kernels is benchmarked", "[bench]") {
  std::set<std::string> names;
  for (const Workload& w : workloads()) names.insert(w.name);
  for (const OpCase& c : op_cases()) {
    std::string name = "op/" + c.name;
    std::replace(name.begin(), name.end(), ' ', '-');
    INFO(name);
    CHECK(names.contains(name));
    bool differentiable = false;
    for (const OpInput& input : c.inputs)
      differentiable = differentiable || (!input.constant && input.draw != Draw::ids);
    CHECK(names.contains(name + "/gradient") == differentiable);
  }
  const std::map<std::string, std::string> row_of{{"batch_norm", "op/batch_norm_relu"},
                                                  {"conv1d", "op/conv1d"},
                                                  {"conv2d", "op/conv2d"},
                                                  {"elementwise", "op/relu"},
                                                  {"embedding", "op/embedding"},
                                                  {"gemm", "kernel/gemm"},
                                                  {"layer_norm", "op/layer_norm"},
                                                  {"lift", "op/lift"},
                                                  {"losses", "op/softmax_cross_entropy"},
                                                  {"max_pool", "op/max_pool2d"},
                                                  {"monotone", "kernel/frequency-grid"},
                                                  {"predictions", "kernel/confusion"},
                                                  {"random", "kernel/fill-normal"},
                                                  {"relative_attention", "op/relative_attention"},
                                                  {"root_solver", "kernel/history"},
                                                  {"sim_head", "op/sim_head"},
                                                  {"strided", "op/permute"},
                                                  {"tcn_block", "op/tcn_block"},
                                                  {"update", "kernel/adam"},
                                                  {"weight_norm", "op/weight_norm"}};
  const std::set<std::string> shared{"device", "host", "launch", "group", "stopwatch"};
  for (const auto& room : std::filesystem::directory_iterator(STILLPOINT_SOURCE_DIR "/kernels")) {
    const std::string name = room.path().filename();
    if (!room.is_directory() || shared.contains(name)) continue;
    INFO(name);
    REQUIRE(row_of.contains(name));
    CHECK(names.contains(row_of.at(name)));
  }
}

TEST_CASE("every workload runs at a small size, and counts its work", "[bench]") {
  for (const Workload& w : workloads()) {
    INFO(w.name);
    const Sizes sizes = small_sizes(w);
    const Call call = w.make(sizes, Device::cpu);
    run(call);
    if (call.loss != nullptr) CHECK(std::isfinite(call.loss()));
    if (call.solved != nullptr) {
      const Evaluations solved = call.solved();
      CHECK(std::max(solved.forward, solved.backward) == double(sizes.evaluations));
    }
    CHECK(call.work.flops >= 0);
    // Their value is the input, or their gradient the cotangent.
    if (!w.name.starts_with("op/reshape") && w.name != "op/add/gradient") CHECK(call.work.bytes > 0);
    if (!w.name.starts_with("step/")) continue;
    if (call.solved != nullptr) CHECK(call.solved().backward == 3);
    const double first = call.loss();
    run(call);
    CHECK(call.loss() != first);  // the update changed the parameters
  }
}

TEST_CASE("a workload with solvers follows solver and tolerance", "[bench]") {
  for (const Workload& w : workloads())
    for (const std::string& solver : w.axes.solvers) {
      const auto most_with = [&](double tolerance) {
        Sizes s = small_sizes(w);
        s.solver = solver;
        s.tolerance = tolerance;
        const Call call = w.make(s, Device::cpu);
        run(call);
        if (call.solved == nullptr) return -1.0;
        CHECK(std::isfinite(call.loss()));
        return std::max(call.solved().forward, call.solved().backward);
      };
      INFO(w.name << " by " << solver);
      const double loose = most_with(0.9);
      if (loose < 0) continue;
      CHECK(loose < 300);
      CHECK(most_with(0.01) > loose);
    }
}

TEST_CASE("the paper's models have the paper's parameters", "[bench]") {
  for (const auto& [name, count] :
       std::vector<std::pair<std::string, Index>>{{"copy-memory/sim-single", 17294},
                                                  {"copy-memory/sim-two", 17294},
                                                  {"copy-memory/deq", 17010},
                                                  {"mnist/sim-single", 81480},
                                                  {"mnist/sim-two", 80466},
                                                  {"mnist/mondeq-single", 84460},
                                                  {"mnist/mondeq-multi", 81394},
                                                  {"cifar/sim-single", 168694},
                                                  {"cifar/sim-two", 168264},
                                                  {"cifar/mondeq-single", 172218},
                                                  {"cifar/mondeq-multi", 170194}}) {
    INFO(name);
    const Workload& w = named("step/" + name);
    Sizes s = w.usual;
    s.batch = 1;
    CHECK(w.make(s, Device::cpu).parameters == count);
  }
}

TEST_CASE("work of training steps equals a count by hand", "[bench]") {
  // Folded: 10 -> 32 -> 32 -> 10 per position. One block of the TCN has 1 -> 10 and 10 -> 10 channels, the
  // others 10 -> 10 twice. Dilations up to 128 leave 8, 7, 5 and 3 taps at late positions.
  double taps = 0, first = 0;
  for (Index block = 0; block < 8; ++block) {
    double inside = 0;
    for (Index t = 0; t < 520; ++t)
      for (Index j = 0; j < 8; ++j) inside += t - j * (Index(1) << block) >= 0;
    taps += (block == 0 ? 110 : 200) * inside;
    if (block == 0) first = 10 * inside + 10 * 520;
  }
  const double head = 520 * (10 * 32 + 32 * 32 + 32 * 10);
  const Work copy =
      named("step/copy-memory/sim-single").make({.batch = 1, .length = 520, .width = 32}, Device::cpu).work;
  CHECK(copy.flops == 2 * (3 * (taps + 5200 + head) - first));
  const double linear = 520 * (10 * 32 + 2 * 32 * 16 + 3 * 32 * 32 + 32 * 10);
  CHECK(copy.nominal_flops == 2 * (3 * (taps + 5200 + linear) - first));
  // Kept: three activations a block, the positions, and the head's 32, 32 and 10 values.
  CHECK(copy.bytes == 4 * (520 + 520 + 8 * 17294 + 2 * 520 * (8 * 30 + 10 + 74.0)));

  const Work pixels = named("step/pixels/sim-rff").make({.batch = 100, .width = 256}, Device::cpu).work;
  // V^T and U fold with r into 256 x 256, whose input needs no gradient: the frequencies are fixed.
  CHECK(pixels.flops == 2 * 100 * (2 * 128 + 2 * 65536 + 3 * (65536.0 + 256 * 3)));
}

TEST_CASE("work of ops and kernels equals a count by hand", "[bench]") {
  const auto work = [](const std::string& name, const Sizes& sizes) {
    return named(name).make(sizes, Device::cpu).work;
  };
  // Three rows of a 3 x 3 kernel lie inside an image of side 4, except at two borders: 10 products a line.
  const Work conv = work("op/conv2d", {.batch = 2, .length = 4, .width = 3});
  CHECK(conv.flops == 2 * 2 * 9 * 100);
  CHECK(conv.bytes == 4 * (2 * (2 * 3 * 16) + 81));
  CHECK(work("op/conv2d/gradient", {.batch = 2, .length = 4, .width = 3}).flops == 2 * conv.flops);
  CHECK(work("op/conv2d/gradient", {.batch = 2, .length = 4, .width = 3}).bytes ==
        4 * (3 * (2 * 3 * 16) + 2 * 81));
  const Work relu = work("op/relu", {.batch = 5, .width = 7});
  CHECK(relu.flops == 35);
  CHECK(relu.bytes == 4 * 70);
  CHECK(work("op/relu/gradient", {.batch = 5, .width = 7}).bytes == 4 * 105);
  CHECK(work("op/negate/gradient", {.batch = 5, .width = 7}).bytes == 4 * 70);
  CHECK(work("op/add/gradient", {.batch = 5, .width = 7}).bytes == 0);
  // Query i sees i + 1 keys: 1 + 2 + 3 + 4 of them, each with two scores and a sum of 8 features.
  CHECK(work("op/relative_attention", {.batch = 1, .length = 4, .width = 8}).flops == 2 * 3 * 8 * 10);
  CHECK(work("op/linear", {.batch = 3, .width = 4}).bytes == 4 * (12 + 16 + 4 + 12));
  CHECK(work("kernel/gemm", {.batch = 3, .width = 4}).flops == 2 * 3 * 4 * 4);
  CHECK(work("kernel/adam", {.width = 9}).bytes == 4 * 9 * 7);
  // Real lines of 4 places fold into 2 x 2, 1 x 1 and 1 x 1 products; 4 columns and 2 x 3 rows of them.
  CHECK(work("kernel/frequency-grid", {.batch = 1, .length = 4, .width = 1}).flops == 2 * 6 * 10);
}

}  // namespace stillpoint::bench
