// Waits for other ranks, and notices when they are gone.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <optional>

#include "kernels/group/communicator.h"

namespace stillpoint::kernels {
namespace {

using Clock = std::chrono::steady_clock;

bool is_gone(std::int64_t process) { return ::kill(pid_t(process), 0) != 0 && errno == ESRCH; }

// Spins as long as a sum among awake ranks takes, then sleeps for an eighth of the time waited so far: a rank
// that only yields uses up the share of its core that it needs once the others have come.
void make_room(std::chrono::duration<double, std::micro> waited) {
  if (waited.count() < 1000)
    ::sched_yield();
  else
    ::usleep(useconds_t(std::min(waited.count() / 8, 2000.0)));
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

void Communicator::set_patience(double seconds, std::function<void(const std::string&)> tell) {
  patience_ = seconds;
  tell_ = std::move(tell);
}

// Waiting ranks send notes to each other as soon as one has lost its patience; a rank without a note has not
// come.
class Communicator::Patience {
 public:
  explicit Patience(const Communicator& group) : group_(group), until_(group.patience_) {}

  void look(double waited) {
    if (group_.patience_ <= 0) return;
    const std::vector<Index> notes = group_.take_notes();
    // Notes that were there before the first ones were sent may belong to an earlier wait.
    if (sent_) waiting_.insert(notes.begin(), notes.end());
    const bool lost = waited > until_;
    if ((lost || !notes.empty()) && (!sent_ || waited - *sent_ > group_.patience_ / 4)) {
      group_.send_notes();
      sent_ = waited;
    }
    if (waited < until_ + group_.patience_ / 2) return;
    const bool first = waiting_.empty() || group_.rank() < *waiting_.begin();
    const std::string names = group_.names_without(waiting_);
    if (first && !names.empty())
      group_.tell_(text("rank ", group_.rank(), " has waited ", std::llround(waited), " s for ", names));
    until_ = 2 * waited;
    waiting_.clear();
  }

 private:
  const Communicator& group_;
  double until_;
  std::optional<double> sent_;  // when the last notes were sent, in seconds of the wait
  std::set<Index> waiting_;
};

// Names all ranks but this one and the given ones, with their processes if these are on this machine.
std::string Communicator::names_without(const std::set<Index>& waiting) const {
  std::string names;
  for (Index r = 0; r < size_; ++r) {
    if (r == rank_ || waiting.contains(r)) continue;
    names += text(names.empty() ? "" : ", ", "rank ", r);
    if (const std::int64_t process = processes_[std::size_t(r)]; process != 0)
      names += text(" (process ", process, ")");
  }
  return names;
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
  Patience patience(*this);
  while (!done()) {
    const Clock::time_point now = Clock::now();
    make_room(now - start);
    if (now - looked < 20ms) continue;
    looked = now;
    patience.look(std::chrono::duration<double>(now - start).count());
    if (!ending && ending_ && ending_()) ending = now;
    if (lost.empty()) lost = gone();
    if (!lost.empty() && !missing) missing = now;
    if (missing && (ending || now - *missing > 1s))
      throw RankLost(lost + " has ended, expected all ranks to live as long as the run");
    // Live ranks of this machine are on their way to an orderly stop, however long their evaluation takes.
    if (ending && !all_near && now - *ending > 500ms)
      throw RankLost("the run is being ended and other ranks do not answer");
  }
}

}  // namespace stillpoint::kernels
