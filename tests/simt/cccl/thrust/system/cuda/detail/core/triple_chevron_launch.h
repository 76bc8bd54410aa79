// Thrust's launch of a kernel, by the emulator in place of <<<>>>.
#pragma once
#include <thrust/detail/config.h>
#include <thrust/system/cuda/config.h>

THRUST_NAMESPACE_BEGIN
namespace cuda_cub::detail {

class triple_chevron {
 public:
  triple_chevron(dim3 grid, dim3 block, std::size_t shared_bytes = 0, cudaStream_t stream = nullptr,
                 bool = false) {
    config_.gridDim = grid;
    config_.blockDim = block;
    config_.dynamicSmemBytes = shared_bytes;
    config_.stream = stream;
  }
  template <class... Params, class... Args>
  cudaError_t doit(void (*kernel)(Params...), const Args&... args) const {
    return cudaLaunchKernelEx(&config_, kernel, Params(args)...);
  }

 private:
  cudaLaunchConfig_t config_ = {};
};

}  // namespace cuda_cub::detail
THRUST_NAMESPACE_END
