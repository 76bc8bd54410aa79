// Implements vector clocks of the streams, and records what ran when.
#include "checks/order.h"

#include <algorithm>

#include "checks/shadow.h"

namespace simt::order {
namespace {

struct Run {
  std::uint64_t time;
  std::uint32_t stream;
  std::uint64_t count;
};

struct State {
  std::vector<Run> runs;                    // by time; what ran before the first counts as ordered
  std::vector<std::vector<Run>> of_stream;  // the same for each stream
  std::vector<std::uint64_t> ran;           // how many ran on each stream
  Clock host, current, before, after;       // current is one of the others, for a piece that may wait
  bool may_wait = false;

  void forget(std::size_t count) {
    runs.erase(runs.begin(), runs.begin() + std::ptrdiff_t(count));
    for (auto& stream : of_stream) stream.clear();
    for (const Run& run : runs) of_stream[run.stream].push_back(run);
  }
};

State& state() {
  static State* const instance = new State;
  return *instance;
}

constexpr std::size_t most_runs = std::size_t(1) << 13;  // older ones count as ordered

}  // namespace

void Clock::set(std::uint32_t stream, std::uint64_t count) {
  if (done_.size() <= stream) done_.resize(stream + 1, 0);
  done_[stream] = std::max(done_[stream], count);
}

void Clock::join(const Clock& other) {
  for (std::size_t i = 0; i < other.done_.size(); ++i) set(std::uint32_t(i), other.done_[i]);
}

void Clock::limit(std::uint32_t stream, std::uint64_t count) {
  if (stream < done_.size()) done_[stream] = std::min(done_[stream], count);
}

std::uint32_t new_stream() {
  state().ran.push_back(0);
  state().of_stream.emplace_back();
  return std::uint32_t(state().ran.size() - 1);
}

void begin(const Stamp& stamp, bool alone) {
  State& s = state();
  bool all = alone;
  for (std::size_t i = 0; i < s.ran.size(); ++i) all = all && s.host.of(std::uint32_t(i)) >= s.ran[i];
  if (all) s.forget(s.runs.size());
  if (s.runs.size() == most_runs) s.forget(most_runs / 2);
  s.current = stamp.clock;
  s.current.set(stamp.stream, stamp.count);
  s.may_wait = stamp.ended.has_value();
  if (s.may_wait) {
    s.before = s.after = s.current;
    s.before.limit(stamp.stream, *stamp.ended);
  }
  s.ran[stamp.stream] = std::max(s.ran[stamp.stream], stamp.count);
  s.runs.push_back({tick(), stamp.stream, stamp.count});
  s.of_stream[stamp.stream].push_back(s.runs.back());
}

Stamp running() {
  const State& s = state();
  return s.runs.empty() ? Stamp{} : Stamp{s.runs.back().stream, s.runs.back().count, {}};
}

// Searches each stream by bisection, because its work runs in the order of its counts.
std::uint64_t ordered_until(std::uint64_t limit) {
  const State& s = state();
  for (std::uint32_t i = 0; i < s.of_stream.size(); ++i) {
    const auto& runs = s.of_stream[i];
    const auto first =
        std::upper_bound(runs.begin(), runs.end(), s.current.of(i),
                         [](std::uint64_t count, const Run& run) { return count < run.count; });
    if (first != runs.end()) limit = std::min(limit, first->time);
  }
  return limit;
}

bool set_waited(bool waited) {
  State& s = state();
  if (s.may_wait) s.current = waited ? s.after : s.before;
  return s.may_wait;
}

bool is_ordered(std::uint64_t time) {
  const State& s = state();
  const auto after = std::upper_bound(s.runs.begin(), s.runs.end(), time,
                                      [](std::uint64_t t, const Run& run) { return t < run.time; });
  if (after == s.runs.begin()) return true;
  const Run& run = *std::prev(after);
  return run.count <= s.current.of(run.stream);
}

Clock& host() { return state().host; }

bool host_waited_for(std::uint32_t stream, std::uint64_t count) { return state().host.of(stream) >= count; }

void host_waited_for_all() {
  State& s = state();
  for (std::size_t i = 0; i < s.ran.size(); ++i) s.host.set(std::uint32_t(i), s.ran[i]);
}

}  // namespace simt::order
