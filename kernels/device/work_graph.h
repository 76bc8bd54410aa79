// Device work recorded once and replayed with one launch: a CUDA graph.
#pragma once
#include <functional>
#include <memory>

#include "kernels/device/memory.h"

namespace stillpoint::kernels {

// Returns whether STILLPOINT_SYNC=1 asks to wait for every kernel, so that an error names the kernel at
// fault; then nothing is recorded.
bool runs_synchronously();

// Replays repeat the recorded work on the recorded addresses. What it reads and writes has to stay where it
// is, so its temporary memory comes from an arena of its own.
class WorkGraph {
 public:
  WorkGraph();
  ~WorkGraph();
  WorkGraph(WorkGraph&&) noexcept;
  WorkGraph& operator=(WorkGraph&&) noexcept;

  // Returns whether work of a device can be recorded: not on a CPU, and not if kernels run synchronously.
  static bool available(Device device);
  // Runs `work` directly, with the graph's memory: makes what recording may not make (memory, library plans).
  void warm_up(const std::function<void()>& work);
  // Records what `work` queues on the device, and runs none of it. Throws Error if the work waits for the
  // device or takes memory that warm_up did not take.
  void record(const std::function<void()>& work);
  bool recorded() const;
  void replay() const;

 private:
  struct Recording;
  std::unique_ptr<Recording> recording_;
};

}  // namespace stillpoint::kernels
