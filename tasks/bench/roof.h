// Measures what a machine can do: products of matrices and copies.
#pragma once
#include "tasks/bench/results/row.h"
#include "tasks/process/clock.h"

namespace stillpoint::bench {

// Measures with the threads and the precision of the process. `bytes`: the size of both arrays of the copy
// together. Takes a few tenths of a second.
Roof measure_roof(Device device, double bytes);
// Takes the larger rates of two measurements.
Roof higher(const Roof& a, const Roof& b);

// Counts the cores that other programs use, from its construction on.
class Others {
 public:
  Others();
  // Returns their mean number so far; children that run on purpose (`--beside`) count as others.
  double cores() const;

 private:
  double busy_, own_;
  Clock::time_point start_;
};

}  // namespace stillpoint::bench
