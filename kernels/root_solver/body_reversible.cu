// Bodies of the reversible step: sums and products with their rounding errors (Dekker 1971, Knuth's sum).
#include "kernels/root_solver/reversible_step.h"

#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct Words {
  T high, low;
};

// high = a b, rounded; it is a fused operation with zero, so that the compiler does not fuse it with a later
// sum.
template <class T>
STILLPOINT_HD Words<T> product(T a, T b) {
  const T high = multiply_add(a, b, T(0));
  return {high, multiply_add(a, b, -high)};
}
template <class T>
STILLPOINT_HD Words<T> sum(T a, T b) {
  const T high = a + b, from_b = high - a;
  return {high, (a - (high - from_b)) + (b - from_b)};
}
// The old and the new state may be one array.
template <class T>
struct DampedStep {
  const T *high, *low, *f;
  T *new_high, *new_low;
  T keep, b;
  STILLPOINT_HD void operator()(Index i) const {
    const Words<T> old = product(keep, high[i]), step = product(b, f[i]), total = sum(old.high, step.high);
    const T error = multiply_add(keep, low[i], old.low) + step.low;
    const Words<T> y = sum(total.high, total.low + error);
    new_high[i] = y.high;
    new_low[i] = y.low;
  }
};
template <class T>
struct UndoDampedStep {
  const T *high, *low, *f;
  T *old_high, *old_low;
  T keep, b;
  STILLPOINT_HD void operator()(Index i) const {
    const Words<T> step = product(b, f[i]), difference = sum(high[i], -step.high);
    const Words<T> rest = sum(difference.high, difference.low + (low[i] - step.low));
    const T quotient = rest.high / keep;
    const T remainder = multiply_add(-quotient, keep, rest.high) + rest.low;
    const Words<T> x = sum(quotient, remainder / keep);
    old_high[i] = x.high;
    old_low[i] = x.low;
  }
};

template <template <class> class Body>
void step(const TwoWord& from, const Array& f, double b, const TwoWord& to) {
  dispatch_real(f.dtype, "reversible_step", [&](auto zero) {
    using T = decltype(zero);
    each(f.device, f.size,
         Body<T>{from.high.as<T>(), from.low.as<T>(), f.as<T>(), to.high.as<T>(), to.low.as<T>(), T(1) - T(b),
                 T(b)});
  });
}

}  // namespace

void damped_step(const TwoWord& before, const Array& f, double b, const TwoWord& after) {
  step<DampedStep>(before, f, b, after);
}
void undo_damped_step(const TwoWord& after, const Array& f, double b, const TwoWord& before) {
  step<UndoDampedStep>(after, f, b, before);
}

}  // namespace stillpoint::kernels
