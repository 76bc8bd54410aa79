// Memory and states of work graphs; CUDA does the recording.
#include "kernels/device/work_graph.h"

#include <cstdlib>
#include <string_view>

#include "kernels/device/error.h"
#if STILLPOINT_CUDA
#include "kernels/device/cuda_work_graph.h"
#endif

namespace stillpoint::kernels {

struct WorkGraph::Recording {
  MemoryArena arena{Device::cuda};
#if STILLPOINT_CUDA
  CudaGraph graph;
#endif
};

namespace {

thread_local bool preparing = false;

// While one lives, this thread prepares a graph.
class Preparing {
 public:
  Preparing() : before_(preparing) { preparing = true; }
  ~Preparing() { preparing = before_; }
  Preparing(const Preparing&) = delete;
  Preparing& operator=(const Preparing&) = delete;

 private:
  bool before_;
};

}  // namespace

bool prepares_graph() { return preparing; }

WorkGraph::WorkGraph() = default;
WorkGraph::~WorkGraph() = default;
WorkGraph::WorkGraph(WorkGraph&&) noexcept = default;
WorkGraph& WorkGraph::operator=(WorkGraph&&) noexcept = default;

bool runs_synchronously() {
  static const bool asked = [] {
    const char* const value = std::getenv("STILLPOINT_SYNC");
    return value != nullptr && value != std::string_view("") && value != std::string_view("0");
  }();
  return asked;
}

bool WorkGraph::available(Device device) { return device == Device::cuda && !runs_synchronously(); }

void WorkGraph::warm_up(const std::function<void()>& work) {
  if (recording_ == nullptr) recording_ = std::make_unique<Recording>();
  const MemoryArena::Use use(recording_->arena);
  const Preparing scope;
  work();
}

void WorkGraph::record([[maybe_unused]] const std::function<void()>& work) {
  require(recording_ != nullptr,
          "work graph: given work to record first, expected it to be warmed up, call warm_up");
#if STILLPOINT_CUDA
  const MemoryArena::Use use(recording_->arena);
  const Preparing scope;
  recording_->graph.record(work);
#else
  fail("work graph: built without CUDA, expected a build with it, run the work as it is");
#endif
}

bool WorkGraph::recorded() const {
#if STILLPOINT_CUDA
  return recording_ != nullptr && recording_->graph.recorded();
#else
  return false;
#endif
}

#if STILLPOINT_CUDA
GraphPart::GraphPart() : handle_(prepares_graph() ? new_condition() : 0) {}
void GraphPart::ask(const Array& flags, std::int32_t value) const {
  if (flags.device == Device::cuda) ask_condition(handle_, flags, value);
}
void GraphPart::run(const std::function<void()>& work) const {
  handle_ == 0 ? work() : record_part(handle_, work);
}
#else
GraphPart::GraphPart() = default;
void GraphPart::ask(const Array&, std::int32_t) const {}
void GraphPart::run(const std::function<void()>& work) const { work(); }
#endif

void WorkGraph::replay() const {
  require(recorded(), "work graph: given nothing to replay, expected recorded work, call record");
#if STILLPOINT_CUDA
  recording_->graph.replay();
#endif
}

}  // namespace stillpoint::kernels
