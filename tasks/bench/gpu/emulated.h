// Counts what a call asks of a GPU, on the SIMT emulator, and models how long real GPUs would take.
#pragma once
#include <string>
#include <vector>

#include "engine/config.h"
#include "tasks/bench/workload.h"

namespace stillpoint::bench {

// Returns whether CUDA is the emulator in this program: true in `stillpoint_on_emulator`, the twin of
// `stillpoint` that is built with the tests.
bool on_emulator();

// Replaces this program by its twin on the emulator, which gets the same arguments, and does not return.
// Throws Error, which says what to build, if there is no twin beside this program.
[[noreturn]] void continue_on_emulator(const std::vector<std::string>& arguments);

// Runs a call that was made for Device::cuda, and counts: first unrecorded, then as a recorded graph if it
// can be recorded. Returns Row::counts, an object whose keys docs/gpu_model.md explains; "modelled" holds
// the modelled times by GPU. Throws Error if CUDA is not the emulator.
Json count_emulated(const Call& call);

}  // namespace stillpoint::bench
