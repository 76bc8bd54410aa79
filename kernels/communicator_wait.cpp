// Waiting for other ranks, and noticing that they are gone.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>

#include "kernels/communicator.h"

namespace stillpoint::kernels {
namespace {

using Clock = std::chrono::steady_clock;

bool is_gone(std::int64_t process) { return ::kill(pid_t(process), 0) != 0 && errno == ESRCH; }

// Spins as long as a sum among awake ranks takes, then makes room for other processes.
void make_room(std::chrono::duration<double, std::milli> waited) {
  if (waited.count() < 5)
    ::sched_yield();
  else
    ::usleep(waited.count() < 1000 ? 200 : 2000);
}

}  // namespace

std::string Communicator::gone() const {
  for (std::size_t r = 0; r < processes_.size(); ++r)
    if (processes_[r] != 0 && is_gone(processes_[r])) return text("rank ", r);
  return {};
}

bool Communicator::leads_survivors() const {
  return std::all_of(processes_.begin(), processes_.begin() + rank_,
                     [](std::int64_t process) { return process != 0 && is_gone(process); });
}

void Communicator::poll(const std::function<bool()>& done) const {
  using namespace std::chrono_literals;
  for (int i = 0; i < 200; ++i)
    if (done()) return;
  const Clock::time_point start = Clock::now();
  std::optional<Clock::time_point> ending, missing;  // since when
  Clock::time_point looked = start;
  std::string lost;
  const bool all_near = std::count(processes_.begin(), processes_.end(), 0) == 0;
  while (!done()) {
    const Clock::time_point now = Clock::now();
    make_room(now - start);
    if (now - looked < 20ms) continue;
    looked = now;
    if (!ending && ending_ && ending_()) ending = now;
    if (lost.empty()) lost = gone();
    if (!lost.empty() && !missing) missing = now;
    if (missing && (ending || now - *missing > 1s))
      throw RankLost(lost + " has ended, expected all ranks to live as long as the run");
    // Ranks of this machine that live are on their way to an orderly stop, however long their evaluation
    // takes.
    if (ending && !all_near && now - *ending > 500ms)
      throw RankLost("the run is being ended and other ranks do not answer");
  }
}

}  // namespace stillpoint::kernels
