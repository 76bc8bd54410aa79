// Sums up what a call asks of a GPU.
#pragma once
#include "tasks/bench/gpu/gpu_model.h"
#include "tasks/bench/workload.h"

namespace stillpoint::bench {

// What the emulator recorded of a call.
struct Counted {
  Traced plain;              // launch by launch
  Traced replayed;           // as a graph; empty if it cannot be recorded
  std::string not_recorded;  // the reason, if it cannot
};

// Returns Row::counts, as docs/gpu_model.md describes them.
Json counts_of(const Counted& counted, const Work& work);

}  // namespace stillpoint::bench
