// Measures peaks by the engine's own product and copy, and other programs' use of the cores from /proc/stat.
#include "tasks/bench/roof.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "engine/ops.h"
#include "kernels/stopwatch/stopwatch.h"
#include "tasks/bench/workloads/calls.h"
#include "tasks/process/clock.h"

namespace stillpoint::bench {
namespace {

// Returns the shortest milliseconds of a call, from at least two and `seconds` of them.
template <class Run>
double shortest(Device device, double seconds, const Run& run) {
  kernels::Stopwatch watch(device);
  run();
  double best = HUGE_VAL;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < 2 || seconds_since(start) < seconds; ++i) {
    watch.start();
    run();
    best = std::min(best, watch.stop());
  }
  return best;
}

// Returns the milliseconds of a product of two n x n matrices.
double product_ms(Device device, Index n, double seconds) {
  const Tensor a = uniform_data({n, n}, 1, device), b = uniform_data({n, n}, 2, device),
               c = Tensor::empty({n, n}, {DType::float32, device});
  return shortest(device, seconds,
                  [&] { kernels::gemm({.m = n, .n = n, .k = n}, a.array(), b.array(), c.array()); });
}

// Returns the size of a product that fills the device: on CUDA the smallest that takes two milliseconds.
Index product_size(Device device) {
  if (device == Device::cpu) return 1536;
  Index n = 256;
  while (n < 8192 && product_ms(device, n, 0) < 2) n *= 2;
  return n;
}

// Seconds of all cores that any program used, or that the host of a virtual machine took away.
double busy_seconds() {
  std::ifstream file("/proc/stat");
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, wait = 0, hard = 0, soft = 0, stolen = 0;
  file >> name >> user >> nice >> system >> idle >> wait >> hard >> soft >> stolen;
  return (user + nice + system + hard + soft + stolen) / double(::sysconf(_SC_CLK_TCK));
}

double own_seconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

}  // namespace

Roof measure_roof(Device device, double bytes) {
  const Index n = product_size(device);
  const double product = product_ms(device, n, 0.1);
  const double most = device == Device::cuda ? 4e9 : 2.7e8;
  const Index elements = Index(std::clamp(bytes, 65536.0, most) / 8);
  const Tensor from = uniform_data({elements}, 3, device);
  Tensor to;
  const double copy = shortest(device, 0.05, [&] {
    to = {};
    to = clone(from);
  });
  return {.gflops = 2.0 * double(n * n * n) / product / 1e6, .gbytes = 8.0 * double(elements) / copy / 1e6};
}

Roof higher(const Roof& a, const Roof& b) {
  return {.gflops = std::fmax(a.gflops, b.gflops), .gbytes = std::fmax(a.gbytes, b.gbytes)};
}

Others::Others() : busy_(busy_seconds()), own_(own_seconds()), start_(Clock::now()) {}

double Others::cores() const {
  return std::max(0.0, (busy_seconds() - busy_ - (own_seconds() - own_)) / seconds_since(start_));
}

}  // namespace stillpoint::bench
