// What a launcher of parallel programs says in the environment of the processes that it starts.
#pragma once
#include <cstdlib>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Processes of this launch by the launcher's own account: 1 where there is none, 0 where one does not say.
inline Index launched_processes() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
    if (const char* const value = std::getenv(name)) return std::atoll(value);
  return std::getenv("PMIX_RANK") != nullptr ? 0 : 1;
}

}  // namespace stillpoint::kernels
