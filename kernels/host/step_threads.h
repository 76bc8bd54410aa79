// Measures a step that runs again and again, to choose how many threads it takes beside others' programs.
#pragma once
#include <chrono>
#include <functional>

#include "kernels/host/pool.h"

namespace stillpoint::kernels {

// The time that the threads of this process have used so far, in seconds of all of them.
struct Usage {
  double ran = 0;     // on a core
  double waited = 0;  // ready to run, while the cores were with others
};
Usage usage_of_threads();

// Takes all threads while they get the cores. If they wait for cores, and a step uses so little of the cores
// that fewer threads could do as much, or if a step takes less than 2 ms, so that its threads may lose more
// by meeting than they win, it tries half as many for a moment, now and then, and from fewer threads twice as
// many. It keeps fewer while they shorten the mean step by a tenth. It compares means, because a median hides
// the slices of time in which a step does not run.
class ThreadChoice {
 public:
  explicit ThreadChoice(int most) : most_(most), best_(most) {}

  int most() const { return most_; }
  int threads() const { return tried_ > 0 ? tried_ : best_; }  // for the next step
  // Reports a step with them; asks `usage` at the end of a window of time.
  void took(double seconds, const std::function<Usage()>& usage = usage_of_threads);

 private:
  int most_, best_, tried_ = 0, other_ = 0;  // tried_: 0 without a trial; other_: of the last one
  double mean_ = 0, other_mean_ = 0;         // seconds of a step with `best_` and `other_`
  int windows_ = 0, gap_ = 1;                // since the last trial, and until the next
  Usage before_;                             // this window
  double seconds_ = 0;                       // of this window
  int steps_ = 0;

  void judge(double mean);
};

// Runs steps with as many of the pool's threads as ThreadChoice says, and restores the pool.
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
