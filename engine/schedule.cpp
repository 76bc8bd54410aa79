// Learning-rate schedules and their names.
#include "engine/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "kernels/device/error.h"

namespace stillpoint {
namespace {

// Interpolates `values` linearly over the points 0, floor((E-5)/2), E-5, E.
double one_cycle(double t, std::int64_t epochs, const std::array<double, 4>& values) {
  require(epochs > 5, "schedule: given 1cycle over ", epochs, " epochs, expected more than 5, raise epochs");
  const std::array<double, 4> points{0, std::floor(double(epochs - 5) / 2), double(epochs - 5),
                                     double(epochs)};
  for (std::size_t i = 0; i + 1 < points.size(); ++i)
    if (t < points[i + 1])
      return values[i] + (values[i + 1] - values[i]) * (t - points[i]) / (points[i + 1] - points[i]);
  return values.back();
}

}  // namespace

ScheduleKind schedule_named(const std::string& name) {
  constexpr std::array names{"constant", "step", "1cycle", "cosine"};
  const auto found = std::find(names.begin(), names.end(), name);
  require(found != names.end(), "schedule: given '", name,
          "', expected constant, step, 1cycle or cosine, choose one");
  return ScheduleKind(found - names.begin());
}

double Schedule::lr_at(std::int64_t step) const {
  const double t = double(step) / double(steps_per_epoch);
  switch (kind) {
    case ScheduleKind::constant:
      return lr;
    case ScheduleKind::step:
      return lr * std::pow(0.1, double(step / steps_per_epoch / step_epochs));
    case ScheduleKind::one_cycle:
      return one_cycle(t, epochs, {1e-3, lr, 1e-3, 1e-3});
    case ScheduleKind::cosine:
      return lr * 0.5 * (1 + std::cos(std::numbers::pi * t / double(epochs)));
  }
  return lr;
}

double Schedule::momentum_at(std::int64_t step) const {
  return one_cycle(double(step) / double(steps_per_epoch), epochs, {0.95, 0.85, 0.95, 0.95});
}

}  // namespace stillpoint
