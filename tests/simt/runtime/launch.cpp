// Implements launches by <<<>>> as simt++ writes them: the kernel itself, called from the host, queues its
// grid.
#include "simt/launch.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "checks/names.h"
#include "machine/block.h"

namespace simt {
namespace {

// A stack, because an argument of a launch may launch another kernel.
std::vector<cudaLaunchConfig_t>& configurations() {
  thread_local std::vector<cudaLaunchConfig_t> kept;
  return kept;
}

}  // namespace

void configure(dim3 grid, dim3 block, std::size_t shared, cudaStream_t stream) {
  if (machine().running())
    device_violation("a kernel was launched from inside a kernel, ", 0, " of its launches are supported");
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  configurations().push_back(config);
}

bool on_device() { return machine().running(); }

__attribute__((noinline)) const void* called_from_host() {
  return machine().running() ? nullptr : __builtin_return_address(0);
}

const void* begin_launch(const void* place, cudaLaunchConfig_t* config) {
  const void* kernel = function_at(place);
  if (configurations().empty()) {
    std::fprintf(stderr, "simt: %s was called without <<<grid, block>>>\n", kernel_name(kernel).c_str());
    std::abort();
  }
  *config = configurations().back();
  configurations().pop_back();
  return kernel;
}

}  // namespace simt
