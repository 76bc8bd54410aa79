// Device work recorded once and replayed with one launch: a CUDA graph.
#pragma once
#include <functional>
#include <memory>

#include "kernels/device/memory.h"

namespace stillpoint::kernels {

// Whether STILLPOINT_SYNC=1 asks for every kernel to be waited for, so that an error names the kernel at fault; nothing
// is recorded then.
bool runs_synchronously();

// Replays repeat the recorded work on the recorded addresses: what it reads and writes has to stay where it is, so its
// temporary memory comes from an arena of its own.
class WorkGraph {
 public:
  WorkGraph();
  ~WorkGraph();
  WorkGraph(WorkGraph&&) noexcept;
  WorkGraph& operator=(WorkGraph&&) noexcept;

  // Whether work of a device can be recorded here: not of a CPU, and not where kernels run synchronously.
  static bool available(Device device);
  // Runs `work` as it is, with the graph's memory: makes what recording may not (memory, library plans).
  void warm_up(const std::function<void()>& work);
  // Records what `work` queues on the device, running none of it. An Error where the work waits for the device or
  // takes memory that warm_up did not.
  void record(const std::function<void()>& work);
  bool recorded() const;
  void replay() const;

 private:
  struct Recording;
  std::unique_ptr<Recording> recording_;
};

}  // namespace stillpoint::kernels
