// What a launcher of parallel programs writes to the environment of the processes that it starts.
#pragma once
#include <cstdlib>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Returns the launcher's number of processes: 1 if there is no launcher, 0 if it does not say.
inline Index launched_processes() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
    if (const char* const value = std::getenv(name)) return std::atoll(value);
  return std::getenv("PMIX_RANK") != nullptr ? 0 : 1;
}

}  // namespace stillpoint::kernels
