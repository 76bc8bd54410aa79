// Measures one row: makes its workload, warms it up, and times it in rounds.
#pragma once
#include <optional>

#include "kernels/device/work_graph.h"
#include "kernels/host/step_threads.h"
#include "kernels/stopwatch/stopwatch.h"
#include "tasks/bench/results/row.h"
#include "tasks/bench/roof.h"

namespace stillpoint::bench {

// What a row is measured with.
struct Setting {
  const Workload* workload = nullptr;
  Sizes sizes;  // complete
  Device device = Device::cpu;
  int threads = 1;
  kernels::Precision precision = kernels::Precision::float32;
};

// While it lives, the process has the setting's threads and precision.
class Measurement {
 public:
  // Makes the workload. Throws Error if it cannot be made at these sizes.
  explicit Measurement(const Setting& setting);
  ~Measurement();
  Measurement(const Measurement&) = delete;
  Measurement& operator=(const Measurement&) = delete;

  Call& call() { return call_; }
  // Calls until calls stop getting faster, or until four times `seconds` have passed.
  void warm_up(double seconds);
  // Times calls for so many seconds, at least three of them; ends early if the program is told to stop.
  void round(double seconds);
  // Returns the row of all rounds so far. Throws Error if the loss is not finite.
  Row row() const;

 private:
  double time_calls(int repeats);
  void choose_repeats(double ms);
  void record_graph();
  void time_on_cuda(double seconds);

  Setting setting_;
  int threads_before_;
  kernels::ScopedPrecision precision_;
  std::size_t held_before_;  // bytes, of the device's pool
  Call call_;
  kernels::Stopwatch watch_;
  std::optional<kernels::MeasuredSteps> steps_;  // on a CPU
  kernels::WorkGraph graph_;
  int repeats_ = 1;  // calls of one sample, so that it is much longer than reading the clock
  bool stable_ = false;
  std::vector<std::vector<double>> rounds_;  // milliseconds of a call
  std::vector<double> replayed_, cold_;
  Roof roof_;
  double memory_ = not_measured, others_ = 0;
  std::uint64_t allocations_ = 0;
  std::int64_t calls_ = 0;
};

// Returns the timing of the samples of all rounds.
Timing timing_of(const std::vector<std::vector<double>>& rounds, int calls_a_sample);

}  // namespace stillpoint::bench
