// Device work recorded once and replayed with one launch: a CUDA graph.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "kernels/device/array.h"
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

// Returns whether this thread's work is being warmed up or recorded: then it must not ask the device.
bool prepares_graph();

// A part of recorded work that a replay skips unless it asks for it. Parts follow each other; one cannot
// contain another. If no work is being recorded, each of them runs.
class GraphPart {
 public:
  GraphPart();  // outside of the part that asks for it
  // Queues the question whether any of the int32 flags has a value; if so, the replay runs this part.
  void ask(const Array& flags, std::int32_t value) const;
  void run(const std::function<void()>& work) const;

 private:
  std::uint64_t handle_ = 0;  // of the condition; 0 if no work is being recorded
};

}  // namespace stillpoint::kernels
