// Measures peaks by the engine's own product and copy, and other programs' use of the cores from /proc/stat.
#include "tasks/bench/roof.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "engine/ops.h"
#include "kernels/random/random.h"
#include "kernels/stopwatch/stopwatch.h"
#include "tasks/process/clock.h"

namespace stillpoint::bench {
namespace {

Tensor drawn(Shape shape, Device device, std::uint64_t stream) {
  const Tensor y = Tensor::empty(std::move(shape), {DType::float32, device});
  kernels::fill_uniform(y.array(), {7, stream}, 0, 1);
  return y;
}

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
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double clock_seconds() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

}  // namespace

Roof measure_roof(Device device, double bytes) {
  const Index n = device == Device::cuda ? 8192 : 1536;
  const Tensor a = drawn({n, n}, device, 1), b = drawn({n, n}, device, 2),
               c = Tensor::empty({n, n}, {DType::float32, device});
  const double product = shortest(
      device, 0.1, [&] { kernels::gemm({.m = n, .n = n, .k = n}, a.array(), b.array(), c.array()); });
  const double most = device == Device::cuda ? 4e9 : 2.7e8;
  const Index elements = Index(std::clamp(bytes, 65536.0, most) / 8);
  const Tensor from = drawn({elements}, device, 3);
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

Others::Others() : busy_(busy_seconds()), own_(own_seconds()), start_(clock_seconds()) {}

double Others::cores() const {
  const double passed = clock_seconds() - start_;
  return std::max(0.0, (busy_seconds() - busy_ - (own_seconds() - own_)) / passed);
}

}  // namespace stillpoint::bench
