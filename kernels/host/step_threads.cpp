// Measures steps in windows of time, and draws conclusions from a window.
#include "kernels/host/step_threads.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

namespace stillpoint::kernels {
namespace {

constexpr double window = 0.2;    // seconds, so that a window holds many slices of a scheduler
constexpr double waiting = 0.15;  // of the time, over all threads; below 0.07 without others
constexpr double slice = 0.003;   // seconds that a preempted thread waits, if the kernel counts none
constexpr double change = 1.6;    // of a mean: after it, older measurements say little
constexpr double busy = 2. / 3;   // of the cores: above it, half the threads could not keep up
constexpr double clearly = 0.9;   // of the mean with more threads, which fewer must reach
constexpr double brief =
    0.002;  // seconds of a step in which threads that meet often may lose more than they win
constexpr int longest_gap = 32;  // windows between trials: a trial costs some percent at most

bool differ(double a, double b) { return a > change * b || b > change * a; }
double merged(double before, double now) { return differ(before, now) ? now : before + (now - before) / 3; }

// The second number of a thread's schedstat is the time it waited, in nanoseconds.
double waited(const rusage& found) {
  double sum = 0;
  std::error_code failure;
  std::filesystem::directory_iterator thread("/proc/self/task", failure);
  for (; !failure && thread != end(thread); thread.increment(failure)) {
    double ran = 0, waited = 0;
    if (std::ifstream(thread->path() / "schedstat") >> ran >> waited) sum += 1e-9 * waited;
  }
  return sum > 0 ? sum : slice * double(found.ru_nivcsw);
}

}  // namespace

Usage usage_of_threads() {
  rusage found = {};
  ::getrusage(RUSAGE_SELF, &found);
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  return {seconds(found.ru_utime) + seconds(found.ru_stime), waited(found)};
}

void ThreadChoice::took(double seconds, const std::function<Usage()>& usage) {
  if (most_ == 1) return;
  seconds_ += seconds;
  ++steps_;
  if (seconds_ < window) return;
  const Usage now = usage(), before = std::exchange(before_, now);
  const bool disturbed =
      now.waited - before.waited > waiting * seconds_ && now.ran - before.ran < busy * seconds_ * threads();
  const double mean = std::exchange(seconds_, 0) / std::exchange(steps_, 0);
  if (tried_ > 0) return judge(mean);
  if (differ(mean_, mean)) gap_ = 1;
  mean_ = merged(mean_, mean);
  const bool fewer_may_win = disturbed || mean_ < brief;
  if (++windows_ < gap_ || (best_ == most_ && !fewer_may_win)) return;
  const bool upwards = best_ < most_ && (best_ == 1 || !fewer_may_win || other_ < best_);
  tried_ = upwards ? std::min(2 * best_, most_) : best_ / 2;
}

// Ends a trial. An earlier trial of the same number counts, too, because one window is largely chance.
void ThreadChoice::judge(double mean) {
  other_mean_ = other_ == tried_ ? merged(other_mean_, mean) : mean;
  other_ = std::exchange(tried_, 0);
  windows_ = 0;
  gap_ = std::min(2 * gap_, longest_gap);
  if (other_ < best_ ? other_mean_ >= clearly * mean_ : clearly * other_mean_ >= mean_) return;
  std::swap(other_, best_);
  std::swap(other_mean_, mean_);
  gap_ = 2;
}

}  // namespace stillpoint::kernels
