// Which queued work comes before which: vector clocks over streams.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace simt::order {

// How far each stream, by number, is known to be done.
class Clock {
 public:
  std::uint64_t of(std::uint32_t stream) const { return stream < done_.size() ? done_[stream] : 0; }
  void set(std::uint32_t stream, std::uint64_t count);
  void join(const Clock& other);

 private:
  std::vector<std::uint64_t> done_;
};

// A piece of work: the count-th on its stream, after what its clock holds.
struct Stamp {
  std::uint32_t stream = 0;
  std::uint64_t count = 0;
  Clock clock;
};

std::uint32_t new_stream();

// Work starts: what it touches from now on is its own. `alone` where nothing else is queued.
void begin(const Stamp& stamp, bool alone);
// Before that time everything that ran comes before the work that runs now; at most `limit`.
std::uint64_t ordered_until(std::uint64_t limit);
// Whether what ran at that time comes before the work that runs now.
bool is_ordered(std::uint64_t time);

// What the host waited for comes before whatever it queues or does afterwards.
Clock& host();
bool host_waited_for(std::uint32_t stream, std::uint64_t count);
// The host waited for everything.
void host_waited_for_all();

}  // namespace simt::order
