// Compares image classification on CUDA with the CPU: cuDNN's convolutions, batch norm's running statistics
// in recorded steps, monDEQ's splitting.
#include <sstream>

#include "tasks/training/train.h"
#include "tests/support/data_files.h"
#include "tests/support/device_training.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

Json bars(const test::TempDir& data, const char* model, const char* channels) {
  return task_kind("image-classification")
      .resolve({{{{"model", model},
                  {"dataset", "mnist"},
                  {"data", data.path().string()},
                  {"channels", channels},
                  {"batch", 4},
                  {"d_phi", 6},
                  {"d_psi", 8},
                  {"hidden", 5},
                  {"lr", 0.003},
                  {"schedule", "constant"},
                  {"epochs", 1}},
                 "test"}});
}

}  // namespace

TEST_CASE("steps of image classification give the CPU's losses, recorded ones the same bits",
          "[cuda][training]") {
  const Late late;
  const test::TempDir data;
  test::write_bar_mnist(data.path(), 27, 4);  // the last batch has one image
  for (const char* model : {"sim", "sim2"}) {
    INFO(model);
    Json config = bars(data, model, "2");
    check_device_against_cpu(task_kind("image-classification"), config, 5e-5, 5);
    config["dtype"] = "float64";
    const FirstSteps cpu = first_steps(task_kind("image-classification"), config, Device::cpu, 8);
    const FirstSteps gpu = first_steps(task_kind("image-classification"), config, Device::cuda, 8);
    for (std::size_t i = 0; i < 8; ++i) CHECK(gpu.losses[i] == Approx(cpu.losses[i]).epsilon(1e-9));
  }
}

TEST_CASE("a run of image classification evaluates on the GPU with the statistics that its replays moved",
          "[cuda][training]") {
  const Late late(5);
  const test::TempDir data, runs;
  test::write_bar_mnist(data.path(), 27, 6);
  const auto trained = [&](const std::string& name, Device device) {
    std::ostringstream out;
    Json config = bars(data, "sim", "2");
    config["dtype"] = "float64";
    return train({.kind = &task_kind("image-classification"),
                  .config = config,
                  .device = device,
                  .folder = runs / name,
                  .should_stop = {}},
                 out);
  };
  const TrainOutcome cpu = trained("cpu", Device::cpu), gpu = trained("gpu", Device::cuda);
  for (std::size_t split = 0; split < 2; ++split)
    CHECK(gpu.metrics[split].second[1].second == Approx(cpu.metrics[split].second[1].second).epsilon(1e-8));
}

TEST_CASE("steps of a monDEQ give the CPU's losses", "[cuda][training]") {
  const Late late(3);
  const test::TempDir data;
  test::write_bar_mnist(data.path(), 20, 2);
  for (const auto& [model, channels] : {std::pair("mondeq-single", "2"), std::pair("mondeq-multi", "1,2")}) {
    INFO(model);
    Json config = bars(data, model, channels);
    config["dtype"] = "float64";
    const FirstSteps cpu = first_steps(task_kind("image-classification"), config, Device::cpu, 3);
    const FirstSteps gpu = first_steps(task_kind("image-classification"), config, Device::cuda, 3);
    CHECK(gpu.replays == 0);
    for (std::size_t i = 0; i < 3; ++i) CHECK(gpu.losses[i] == Approx(cpu.losses[i]).epsilon(1e-9));
  }
}

}  // namespace stillpoint
