// A CUDA graph captured from the device's stream. Only files compiled with CUDA include this.
#pragma once
#include <functional>

#include "kernels/device/cuda.h"

namespace stillpoint::kernels {

class CudaGraph {
 public:
  CudaGraph() = default;
  ~CudaGraph();
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;

  void record(const std::function<void()>& work);
  bool recorded() const { return executable_ != nullptr; }
  void replay() const;

 private:
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace stillpoint::kernels
