// Compares training on CUDA, recorded and unrecorded, with the CPU; tests uploads and separate graphs.
#include <cmath>
#include <map>
#include <sstream>

#include "engine/ops.h"
#include "kernels/device/upload.h"
#include "kernels/device/work_graph.h"
#include "tasks/io/image.h"
#include "tasks/training/train.h"
#include "tests/support/device_training.h"
#include "tests/support/error_text.h"
#include "tests/support/metrics_rows.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

Json copy_memory(const std::string& model, const Json& changes = Json::object()) {
  return task_kind("copy-memory")
      .resolve({{{{"model", model},
                  {"blank", 20},
                  {"batch", 2},
                  {"tcn_blocks", 3},
                  {"lr", 0.002},
                  {"deq_features", 8},
                  {"deq_heads", 2},
                  {"deq_inner", 8},
                  {"solver_steps", 6},
                  {"adjoint_steps", 6},
                  {"train_sequences", 24},
                  {"valid_sequences", 2},
                  {"test_sequences", 2},
                  {"epochs", 2}},
                 "test"},
                {changes, "changes"}});
}

Json image_regression(const std::string& model, const test::TempDir& folder) {
  Image image{20, 24, 3, {}};
  for (int i = 0; i < 20 * 24 * 3; ++i) image.rgb.push_back(std::uint8_t((i * 7919) % 251));
  write_png(folder / "picture.png", image);
  return task_kind("image-regression")
      .resolve({{{{"model", model},
                  {"image", (folder / "picture.png").string()},
                  {"phi_hidden", 16},
                  {"d_phi", 12},
                  {"d_psi", 72},
                  {"hidden", 16},
                  {"epochs", 5}},
                 "test"}});
}

}  // namespace

TEST_CASE("eight steps of copy memory give the CPU's losses, recorded ones the same bits",
          "[cuda][training]") {
  const Late late;
  for (const char* model : {"single", "two", "tcn", "deq"}) {
    INFO(model);
    // At a DEQ's initial weights, six Broyden steps amplify rounding to one per cent in float32. So float32
    // only compares the bits of recorded and unrecorded steps.
    const bool deq = model == std::string("deq");
    const Json config = copy_memory(model, {{"dtype", deq ? "float64" : "float32"}, {"train_sequences", 12}});
    check_device_against_cpu(task_kind("copy-memory"), config, deq ? 1e-7 : 2e-5);
    if (deq) check_recorded_against_plain(task_kind("copy-memory"), copy_memory(model));
  }
}

TEST_CASE("eight steps of image regression give the CPU's losses, recorded ones the same bits",
          "[cuda][training]") {
  const Late late;
  const test::TempDir folder;
  for (const char* model : {"single", "two", "rff"}) {
    INFO(model);
    check_device_against_cpu(task_kind("image-regression"), image_regression(model, folder), 2e-5);
  }
}

TEST_CASE("float64, SGD and a last batch of another size are recorded too", "[cuda][training]") {
  const Late late(3);
  const TaskKind& kind = task_kind("copy-memory");
  const Json config = copy_memory("two", {{"dtype", "float64"},
                                          {"optimiser", "sgd"},
                                          {"momentum", 0.9},
                                          {"batch", 5},
                                          {"shuffle", true},
                                          {"clip", 0.25}});
  const FirstSteps cpu = first_steps(kind, config, Device::cpu, 8);
  const FirstSteps recorded = first_steps(kind, config, Device::cuda, 8);
  CHECK(recorded.replays == 6);  // two shapes, each with one warm-up
  for (std::size_t i = 0; i < 8; ++i) CHECK(recorded.losses[i] == Approx(cpu.losses[i]).epsilon(1e-9));
}

#if STILLPOINT_SIMT
TEST_CASE("a replayed step is one launch and the uploads of its batch", "[cuda][training]") {
  const TaskKind& kind = task_kind("copy-memory");
  const auto calls = [&](Index count) {
    simt::reset_stats();
    first_steps(kind, copy_memory("single"), Device::cuda, count);
    return simt::stats();
  };
  const simt::Stats few = calls(6), more = calls(7);
  CHECK(more.launches - few.launches == 0);
  CHECK(more.library_calls - few.library_calls == 1);  // the graph's call
}

// Returns what one more unrecorded step starts: kernels and library calls by name.
std::map<std::string, int> work_of_a_step(const Json& config) {
  const auto log = [&](Index count) {
    simt::reset_stats();
    first_steps(task_kind("copy-memory"), config, Device::cuda, count, false);
    return simt::launch_log();
  };
  std::map<std::string, int> counts;
  for (const auto& name : log(2)) ++counts[name.substr(0, name.find('<'))];
  for (const auto& name : log(1)) --counts[name.substr(0, name.find('<'))];
  std::erase_if(counts, [](const auto& entry) { return entry.second == 0; });
  return counts;
}

TEST_CASE("a training step of copy memory is 26 launches and no library call", "[cuda][training]") {
  const std::string ours = "stillpoint::kernels::";
  for (const char* model : {"single", "two"}) {
    INFO(model);
    CHECK(work_of_a_step(copy_memory(model, {{"tcn_blocks", 8}})) ==
          std::map<std::string, int>{{ours + "tcn_block_forward_fused", 8},
                                     {ours + "tcn_block_backward_fused", 8},
                                     {ours + "gradient_sums", 1},
                                     {ours + "sim_head_forward_fused", 1},
                                     {ours + "sim_head_backward_fused", 1},
                                     {ours + "each_warp_row", 4},
                                     {ours + "each_warp_row_then", 1},
                                     {ours + "each_element", 2}});
  }
}
#endif

TEST_CASE("a run on the GPU resumes bit-identically and evaluates as the CPU does", "[cuda][training]") {
  const Late late(5);
  const test::TempDir folder;
  const Json config =
      copy_memory("two", {{"schedule", "cosine"}, {"shuffle", true}, {"train_sequences", 12}});
  std::ostringstream out;
  const auto request = [&](const std::string& name, bool resume, Index stop_after) {
    return TrainRequest{.kind = &task_kind("copy-memory"),
                        .config = config,
                        .device = Device::cuda,
                        .folder = folder / name,
                        .resume = resume,
                        .should_stop = [stop_after](Index step) { return step == stop_after; }};
  };
  const TrainOutcome whole = train(request("whole", false, -1), out);
  REQUIRE(whole.finished);
  CHECK_FALSE(train(request("parts", false, 7), out).finished);
  CHECK(train(request("parts", true, -1), out).metrics == whole.metrics);
  CHECK(test::contains(out.str(), "copy-memory on cuda"));
}

TEST_CASE("a DEQ's solvers are read after a replay, and asked on the way where the settings say so",
          "[cuda][training]") {
  const Late late(7);
  const test::TempDir folder;
  const Json recorded =
      copy_memory("deq", {{"epochs", 1}, {"log_every", 1}, {"dtype", "float64"}, {"train_sequences", 12}});
  const auto rows = [&](const std::string& name, Device device, const Json& config) {
    std::ostringstream out;
    train({.kind = &task_kind("copy-memory"),
           .config = config,
           .device = device,
           .folder = folder / name,
           .should_stop = {}},
          out);
    return test::rows_of(folder / name / "metrics.jsonl");
  };
  const auto on_cpu = rows("cpu", Device::cpu, recorded), on_gpu = rows("gpu", Device::cuda, recorded);
  REQUIRE(on_cpu.size() == on_gpu.size());
  for (std::size_t i = 0; i < on_cpu.size(); ++i) {
    if (on_cpu[i]["split"] != "train") continue;
    INFO("row " << i);
    for (const char* name : {"forward_steps", "adjoint_steps", "evaluations"})
      CHECK(on_gpu[i][name] == on_cpu[i][name]);
    for (const char* name : {"forward_residual", "adjoint_residual"})
      CHECK(on_gpu[i][name].get<double>() == Approx(on_cpu[i][name].get<double>()).epsilon(1e-5));
  }
  // With loose tolerances, all samples converge before the budget ends.
  const Json changes{{"solver_steps", 30},       {"adjoint_steps", 30}, {"solver_tolerance", 0.2},
                     {"adjoint_tolerance", 0.2}, {"check_every", 2},    {"jacobian_weight", 0.01}};
  CHECK(first_steps(task_kind("copy-memory"), copy_memory("deq", changes), Device::cuda, 3).replays == 0);
  Json asking = recorded;
  asking.update(changes);
  for (const auto& row : rows("asking", Device::cuda, asking)) {
    if (row["split"] != "train") continue;
    CHECK(row["forward_steps"].get<double>() < 30);
    CHECK(std::fmod(row["forward_steps"].get<double>(), 2) == 0);
    CHECK(row["forward_converged"].get<double>() == 1);
  }
}

TEST_CASE("a recorded DEQ whose solves end early has the bits of one that is not recorded",
          "[cuda][training]") {
  const Json early = copy_memory("deq", {{"solver_steps", 12},
                                         {"adjoint_steps", 12},
                                         {"solver_tolerance", 0.2},
                                         {"adjoint_tolerance", 0.2},
                                         {"reuse_inverse", true}});
  check_recorded_against_plain(task_kind("copy-memory"), early);
}

#if STILLPOINT_SIMT
TEST_CASE("a batch that does not fit is refused with the number of examples that would", "[cuda][training]") {
  struct Capacity {
    explicit Capacity(std::size_t bytes) { simt::set_device_capacity(bytes); }
    ~Capacity() { simt::set_device_capacity(std::size_t(2) << 30); }
  };
  const TaskKind& kind = task_kind("copy-memory");
  const auto sized = [](Index batch) {
    return copy_memory("single", {{"batch", batch}, {"train_sequences", 4 * batch}, {"blank", 100}});
  };
  first_steps(kind, sized(1), Device::cuda, 1);  // allocates the libraries' workspaces
  release_cached_memory(Device::cuda);
  const std::size_t bytes = simt::device_bytes() + (std::size_t(3) << 20);
  std::string refusal;
  {
    const Capacity capacity(bytes);
    refusal = error_text([&] { first_steps(kind, sized(256), Device::cuda, 2); });
  }
  INFO(refusal);
  CHECK_THAT(refusal,
             mentions("memory: asked for", "bytes on cuda", "; about", "of the 256 examples of a batch fit"));
  const Index fit = std::stoll(refusal.substr(refusal.find("; about") + 7));
  REQUIRE(fit > 8);
  REQUIRE(fit < 256);
  release_cached_memory(Device::cuda);
  const Capacity capacity(bytes);
  CHECK(first_steps(kind, sized(fit * 3 / 4), Device::cuda, 2).losses.size() == 2);
  CHECK_THAT(error_text([&] { first_steps(kind, sized(fit * 2), Device::cuda, 2); }),
             mentions("examples of a batch fit"));
}
#endif

TEST_CASE("selftest passes on the emulated GPU in every precision", "[cuda][training]") {
  using kernels::Precision;
  const auto [precision, only] = GENERATE(
      table<Precision, std::string>({{Precision::float32, "*"},
                                     {Precision::tf32, "@(op @(linear|sim_head|conv2d)*|graph copy*two)"},
                                     {Precision::bf16, "@(op @(linear|sim_head)*|model image-*single)"}}));
  std::ostringstream out;
  const bool passed =
      selftest({.device = Device::cuda, .precision = precision, .only = only, .timing = false}, out);
  INFO(out.str());
  CHECK(passed);
  CHECK_THAT(out.str(), mentions("all checks passed on cuda"));
  if (only == "*")
    CHECK_THAT(out.str(),
               mentions("ok    op sim_head", "ok    nan linear_relu", "ok    graph copy-memory two"));
}

TEST_CASE("recorded work may neither wait for the device nor take new memory", "[cuda][training]") {
  kernels::WorkGraph graph;
  const Tensor x = Tensor::full({4}, 2, {DType::float32, Device::cuda});
  Tensor y;
  graph.warm_up([&] { y = sum(square(x)); });
  y = Tensor();
  graph.warm_up([&] { y = square(x); });
  CHECK_THAT(error_text([&] { graph.record([&] { sum(y).item(); }); }),
             mentions("cuda", "cudaErrorStreamCaptureUnsupported"));
  CHECK_THAT(error_text([&] { graph.record([&] { y = Tensor::zeros({100000}, x.options()); }); }),
             mentions("while work is recorded", "warm up with the same shapes"));
  CHECK_FALSE(graph.recorded());
  y = Tensor();
  graph.record([&] { y = square(x); });
  x.assign(Tensor::full({4}, 3));
  graph.replay();
  CHECK(y.values() == std::vector<double>{9, 9, 9, 9});
}

TEST_CASE("an upload reaches its place in the order of the queue", "[cuda][training]") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const Late late(seed);
    kernels::Upload upload;
    const Tensor to = Tensor::zeros({3}, {DType::float32, Device::cuda});
    Tensor total = Tensor::zeros({3}, to.options());
    for (float value : {1.0f, 10.0f, 100.0f}) {
      std::vector<float> from(3, value);
      upload.start(Device::cuda, from.data(), 12);
      from.assign(3, -1);
      upload.finish(to.array().data);
      total = add(total, to);
    }
    CHECK(total.values() == std::vector<double>{111, 111, 111});
  }
}

}  // namespace stillpoint
