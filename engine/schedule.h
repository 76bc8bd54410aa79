// Learning-rate schedules as pure functions of the step.
#pragma once
#include <cstdint>
#include <string>

namespace stillpoint {

// constant   lr
// step       lr 0.1^floor(epoch / step_epochs), epoch counted from 0
// 1cycle     piecewise linear through t = 0, floor((E-5)/2), E-5, E -> 1e-3, lr, 1e-3, 1e-3 with t in epochs,
//            continuous within one (the rule of Winston, Kolter 2020, not PyTorch's OneCycleLR; needs E > 5
//            epochs); a cycled momentum (Adam's beta1) through 0.95, 0.85, 0.95, 0.95 on the same points
// cosine     lr (1 + cos(pi s / S)) / 2 for step s of S (eta_min 0)
enum class ScheduleKind { constant, step, one_cycle, cosine };
ScheduleKind schedule_named(const std::string& name);  // throws Error for another name

struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  double lr = 1e-3;
  std::int64_t epochs = 1, steps_per_epoch = 1;
  std::int64_t step_epochs = 10;

  double lr_at(std::int64_t step) const;        // step from 0, before the step's update
  double momentum_at(std::int64_t step) const;  // 1cycle only
};

}  // namespace stillpoint
