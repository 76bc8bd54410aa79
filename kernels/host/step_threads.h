// How many threads a step that is done again and again takes beside others' programs: the step is measured.
#pragma once
#include <chrono>
#include <functional>

#include "kernels/host/pool.h"

namespace stillpoint::kernels {

// What the threads of this process have used so far, in seconds of all of them.
struct Usage {
  double ran = 0;     // on a core
  double waited = 0;  // ready to run, while the cores were with others
};
Usage usage_of_threads();

// All threads while they get the cores. While they wait for cores, and a step uses so little of the cores
// that fewer threads could have done as much, it tries half as many for a moment, now and then, and from
// fewer twice as many; fewer are kept while they shorten the mean step by a tenth. A mean, since a median
// hides the slices of time in which a step does not run.
class ThreadChoice {
 public:
  explicit ThreadChoice(int most) : most_(most), best_(most) {}

  int most() const { return most_; }
  int threads() const { return tried_ > 0 ? tried_ : best_; }  // for the next step
  // A step with them; at the end of a window of time `usage` is asked.
  void took(double seconds, const std::function<Usage()>& usage = usage_of_threads);

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
    choice_.took(std::chrono::duration<double>(Clock::now() - start).count());
    set_thread_count(choice_.threads());
    return result;
  }

 private:
  using Clock = std::chrono::steady_clock;
  ThreadChoice choice_;
};

}  // namespace stillpoint::kernels
