// The interface of the kernel for C++ sources.
#pragma once
#include <cuda_runtime.h>
#include <vector>
cudaError_t saxpy(float a, const std::vector<float>& x, std::vector<float>& y, cudaStream_t stream = 0);
