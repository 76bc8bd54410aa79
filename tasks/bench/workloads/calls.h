// What calls of workloads share: their data, the limits of their solves, and their work.
#pragma once
#include "solvers/fixed_point/fixed_point.h"
#include "tasks/bench/workload.h"

namespace stillpoint::bench {

// Data by stream: uniform in [0, 1), standard normal, and int32 in [0, bound).
Tensor uniform_data(Shape shape, std::uint64_t stream, Device device);
Tensor normal_data(Shape shape, std::uint64_t stream, Device device);
Tensor integer_data(Shape shape, std::uint64_t stream, Index bound, Device device);

// The most evaluations of a solve that ends by its tolerance.
inline constexpr Index most_evaluations = 300;
inline Index evaluations_of(const Sizes& sizes) {
  return sizes.tolerance > 0 ? most_evaluations : sizes.evaluations;
}

// Returns the work of a call that only computes: `floats` are read or written once, the history twice.
Work work_of(const Pass& pass, double floats);

// Makes a call of a solve, forward or backward. The work of a solve with a tolerance is that of its first
// run.
Call solve_call(const Sizes& s, const std::function<PendingReport()>& solve, bool backward,
                const std::function<Work(double evaluations)>& work);

}  // namespace stillpoint::bench
