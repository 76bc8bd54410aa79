// Forbids the engine's kernels what CUDA allows: sums in the order of arrival, and equal values from several
// threads.
#include "simt/machine.h"

namespace {

[[maybe_unused]] const bool strict = (simt::allow_float_atomics(false), simt::allow_same_values(false), true);

}  // namespace
