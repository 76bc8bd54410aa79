// What CCCL takes from the CUDA runtime.
#pragma once
#include <cuda_runtime.h>
#include <vector_types.h>
