// A damped step of a state that is kept to two words per element, and its exact reversal.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// The sum high + low, with low below half a unit in the last place of high: twice the digits of the dtype.
struct TwoWord {
  Array high, low;
};

// after = (1-b) before + b f, to two words; b in (0,1) is rounded to the dtype of f.
void damped_step(const TwoWord& before, const Array& f, double b, const TwoWord& after);
// before = (after - b f) / (1-b), to two words. An error of the low word grows by 1/(1-b). The high word has
// the bits of the one that damped_step took, unless the value lies within that error of a boundary between
// two roundings.
void undo_damped_step(const TwoWord& after, const Array& f, double b, const TwoWord& before);

}  // namespace stillpoint::kernels
