// How many threads a step that is done again and again takes beside others' programs: the step is measured.
#pragma once
#include <chrono>
#include <cstdint>

#include "kernels/pool.h"

namespace stillpoint::kernels {

// What the threads of this process have used so far.
struct Usage {
  std::int64_t preemptions = 0;  // how often one was taken off a core
  double processor_seconds = 0;
};

// All threads where they keep their cores. Where they are taken off them, and a step uses so little of the
// cores that fewer threads could have done as much, it tries half as many for a moment, now and then, and
// from fewer twice as many; fewer are kept while they shorten the mean step by a tenth. A mean, since a
// median hides the slices of time in which a step does not run.
class ThreadChoice {
 public:
  explicit ThreadChoice(int most) : most_(most), best_(most) {}

  int most() const { return most_; }
  int threads() const { return tried_ > 0 ? tried_ : best_; }  // for the next step
  void took(double seconds, const Usage& usage);               // a step with them

 private:
  int most_, best_, tried_ = 0, other_ = 0;  // tried_: 0 where there is no trial; other_: of the last one
  double mean_ = 0, other_mean_ = 0;         // seconds of a step with `best_` and `other_`
  int windows_ = 0, gap_ = 1;                // since the last trial, and until the next
  Usage before_;                             // this window
  double seconds_ = 0;                       // of this window
  int steps_ = 0;

  void judge(double mean);
};

// Runs steps with the pool's threads as ThreadChoice says, and leaves the pool as it was.
class MeasuredSteps {
 public:
  MeasuredSteps() : choice_(thread_count()) {}
  ~MeasuredSteps() { set_thread_count(choice_.most()); }
  MeasuredSteps(const MeasuredSteps&) = delete;
  MeasuredSteps& operator=(const MeasuredSteps&) = delete;

  template <class Step>
  auto run(const Step& step) {
    const Clock::time_point start = Clock::now();
    const auto result = step();
    took(std::chrono::duration<double>(Clock::now() - start).count());
    return result;
  }

 private:
  using Clock = std::chrono::steady_clock;
  ThreadChoice choice_;

  void took(double seconds);
};

}  // namespace stillpoint::kernels
