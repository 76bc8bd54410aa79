// A CUDA graph captured from the device's stream. Only files compiled with CUDA include this.
#pragma once
#include <cstdint>
#include <functional>

#include "kernels/device/array.h"
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

// Returns the handle of a condition, 0 at the start of each replay; 0 if the stream is not captured.
std::uint64_t new_condition();
// Sets the condition to 1 if any of the flags has the value. With handle 0 it only loads what the next call
// needs.
void ask_condition(std::uint64_t handle, const Array& flags, std::int32_t value);
// Captures the work as the body of a node that runs if the condition is not 0.
void record_part(std::uint64_t handle, const std::function<void()>& work);

}  // namespace stillpoint::kernels
