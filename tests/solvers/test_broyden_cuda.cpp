// Compares Broyden's method on CUDA with the CPU's, and counts its launches.
#include "kernels/root_solver/solver_chunk.h"
#include "solvers/fixed_point/fixed_point.h"
#include "tests/support/catch.h"
#include "tests/support/cuda_machine.h"
#include "tests/support/toy_map.h"

namespace stillpoint {
namespace {

// Two samples of a chunk and a part of one.
constexpr Index width = kernels::solver_chunk + 37;

Tensor drawn(double factor, Device device) {
  std::vector<double> values;
  for (Index i = 0; i < 2 * width; ++i) values.push_back(factor * std::sin(double(i * i) + factor));
  return Tensor::from(values, {2, width}, {DType::float64, device});
}

Solution solved(Device device, const BroydenOptions& options) {
  const Tensor w = drawn(1.3, device), b = drawn(0.4, device);
  const auto method = broyden(options);
  return solve([&](const Tensor& z) { return hyperbolic_tangent(w * z) + b; },
               Tensor::zeros({2, width}, b.options()), *method, {.max_steps = 7, .tolerance = 0});
}

}  // namespace

TEST_CASE("Broyden's method on CUDA takes the CPU's steps", "[cuda][solvers]") {
  for (const bool searches : {false, true}) {
    const BroydenOptions options{.memory = 3, .line_search = searches};  // it starts anew on the way
    const Solution cpu = solved(Device::cpu, options), cuda = solved(Device::cuda, options);
    check_close(cuda.report.trace, cpu.report.trace, 1e-9);
    check_close(cuda.z.values(), cpu.z.values(), 1e-10);
  }
}

#if STILLPOINT_SIMT
TEST_CASE("a step of Broyden's method is three launches", "[cuda][solvers]") {
  const auto launches = [](Index steps, bool searches) {
    const Tensor value = drawn(0.4, Device::cuda), start = drawn(1, Device::cuda);
    const auto method = broyden({.line_search = searches});
    simt::reset_stats();
    start_solve([&](const Tensor&) { return value; }, start, *method,
                {.max_steps = steps, .tolerance = 0, .divergence = 1e30, .check_every = 0});
    return simt::stats().launches;
  };
  for (const bool searches : {false, true}) CHECK(launches(6, searches) - launches(5, searches) == 3);
}
#endif

}  // namespace stillpoint
