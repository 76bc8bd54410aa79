// Times whole training steps, and prints one JSON line per workload as the PyTorch peer does.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "bench/workloads.h"
#include "kernels/gemm/gemm.h"
#include "kernels/host/step_threads.h"
#include "kernels/launch/subnormals.h"

namespace stillpoint {
namespace {

struct Arguments {
  std::vector<std::string> names;
  double seconds = 8;
  int threads = 0;
};

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string {
      require(i + 1 < argc, "step_bench: ", word, " has no value, expected one, add it");
      return argv[++i];
    };
    if (word == "--seconds")
      a.seconds = std::stod(value());
    else if (word == "--threads")
      a.threads = std::stoi(value());
    else if (word == "--precision")
      kernels::set_precision(value() == "bf16" ? kernels::Precision::bf16 : kernels::Precision::float32);
    else if (word.starts_with("--"))
      fail("step_bench: given ", word, ", expected --seconds, --threads or --precision, check it");
    else
      a.names.push_back(word);
  }
  if (a.names.empty()) a.names = workload_names();
  return a;
}

nlohmann::json measure(const std::string& name, double seconds, double peak) {
  using Clock = std::chrono::steady_clock;
  const Workload w = make_workload(name);
  kernels::MeasuredSteps steps;
  const int threads = kernels::thread_count();
  double loss = 0;
  for (int i = 0; i < 3; ++i) loss = steps.run(w.step);
  const std::uint64_t allocations = memory_stats(Device::cpu).system_allocations;
  std::vector<double> ms;
  const auto start = Clock::now();
  while (ms.size() < 5 || std::chrono::duration<double>(Clock::now() - start).count() < seconds) {
    const auto begin = Clock::now();
    loss = steps.run(w.step);
    ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  require(std::isfinite(loss), "step_bench: ", name, " ended with loss ", loss, ", expected a finite one");
  const double mean = std::accumulate(ms.begin(), ms.end(), 0.0) / double(ms.size());
  std::sort(ms.begin(), ms.end());
  const double median = ms[ms.size() / 2], gflops = w.flops / median / 1e6;
  return {{"workload", name},
          {"params", w.parameters},
          {"batch", w.batch},
          {"ms_per_step", median},
          {"mean", mean},
          {"p10", ms[ms.size() / 10]},
          {"p90", ms[ms.size() * 9 / 10]},
          {"steps", ms.size()},
          {"threads", threads},
          {"gflops", gflops},
          {"gemm_peak", peak},
          {"fraction_of_peak", gflops / peak},
          {"nominal_gflops", w.nominal_flops / median / 1e6},
          {"allocations_after_warm_up", memory_stats(Device::cpu).system_allocations - allocations},
          {"peak_memory_bytes", memory_stats(Device::cpu).peak}};
}

}  // namespace
}  // namespace stillpoint

int main(int argc, char** argv) {
  stillpoint::kernels::flush_subnormals();
  try {
    const stillpoint::Arguments a = stillpoint::parse(argc, argv);
    if (a.threads > 0) stillpoint::kernels::set_thread_count(a.threads);
    const double peak = stillpoint::measured_gemm_peak();
    for (const std::string& name : a.names)
      std::cout << stillpoint::measure(name, a.seconds, peak).dump() << std::endl;
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
