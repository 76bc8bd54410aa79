// Device work recorded once and replayed with one launch: a CUDA graph.
#pragma once
#include <functional>
#include <memory>

#include "kernels/memory.h"

namespace stillpoint::kernels {

// Replays repeat the recorded work on the recorded addresses: what it reads and writes has to stay where it is, so its
// temporary memory comes from an arena of its own.
class WorkGraph {
 public:
  WorkGraph();
  ~WorkGraph();
  WorkGraph(WorkGraph&&) noexcept;
  WorkGraph& operator=(WorkGraph&&) noexcept;

  // Whether a device can record; a CPU cannot.
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
