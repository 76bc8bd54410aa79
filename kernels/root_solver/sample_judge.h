// The judgement of one sample by its residual, which every method's kernels share.
#pragma once
#include "kernels/launch/launch.h"
#include "kernels/root_solver/root_state.h"

namespace stillpoint::kernels {

template <class T>
STILLPOINT_HD bool is_finite(T x) {
  return x - x == T(0);
}

template <class T>
struct SampleJudge {
  T *lowest, *least, *first, *trace;
  std::int32_t *status, *steps, *better;
  Index step;
  T tolerance, divergence;
  bool relative;

  SampleJudge(const RootState& state, const RootRule& rule, Index number, const Array& residuals)
      : lowest(state.lowest.as<T>()),
        least(lowest + state.status.size),
        first(state.first.as<T>()),
        trace(residuals.as<T>()),
        status(state.status.as<std::int32_t>()),
        steps(state.steps.as<std::int32_t>()),
        better(state.better.as<std::int32_t>()),
        step(number),
        tolerance(T(rule.tolerance)),
        divergence(T(rule.divergence)),
        relative(rule.relative) {}

  // `difference` is ||f - z||^2 of sample b, `value` is ||f||^2.
  STILLPOINT_HD void operator()(Index b, T difference, T value) const {
    better[b] = 0;
    trace[b] = lowest[b];
    if (status[b] != std::int32_t(SampleStatus::running)) return;
    const T distance = square_root(difference);
    // If ||f||^2 has overflowed, value - value makes a NaN of a quotient that would be zero.
    const T residual = relative ? distance / (square_root(value) + T(1e-9)) + (value - value) : distance;
    trace[b] = residual;
    steps[b] = std::int32_t(step);
    if (step == 1) first[b] = residual;
    if (distance < least[b] || residual < tolerance) {
      least[b] = distance;
      lowest[b] = residual;
      better[b] = 1;
    }
    if (!is_finite(residual))
      status[b] = std::int32_t(SampleStatus::non_finite);
    else if (residual < tolerance)
      status[b] = std::int32_t(SampleStatus::converged);
    else if (residual > divergence * first[b])
      status[b] = std::int32_t(SampleStatus::diverged);
  }
};

}  // namespace stillpoint::kernels
