// CUB's host side of a launch, with the part that it leaves out where nvcc does not compile.
#pragma once
#include_next <cub/util_device.cuh>
// The part needs the declarations above.
#include <cub/detail/launcher/cuda_runtime.cuh>
