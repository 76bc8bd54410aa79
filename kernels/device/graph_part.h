// Parts of recorded work (kernels/device/work_graph.h) that a replay skips unless it asks for them.
#pragma once
#include <cstdint>
#include <functional>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Returns whether this thread's work is being warmed up or recorded: then it must not ask the device.
bool prepares_graph();

// Parts follow each other; one cannot contain another. If no work is being recorded, each of them runs.
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
