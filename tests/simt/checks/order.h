// Decides which queued work comes before which, by vector clocks over streams.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace simt::order {

// Holds how far each stream (by number) is known to be done.
class Clock {
 public:
  std::uint64_t of(std::uint32_t stream) const { return stream < done_.size() ? done_[stream] : 0; }
  void set(std::uint32_t stream, std::uint64_t count);
  void join(const Clock& other);
  // Takes back what is known of one stream beyond its first `count` pieces.
  void limit(std::uint32_t stream, std::uint64_t count);

 private:
  std::vector<std::uint64_t> done_;
};

// Identifies a piece of work: the count-th on its stream, after everything that its clock holds.
struct Stamp {
  std::uint32_t stream = 0;
  std::uint64_t count = 0;
  Clock clock;
  // How many pieces of its stream have ended when it begins, if these are not all before it: a kernel with
  // programmatic stream serialisation follows the piece before it only once it has waited for that one.
  std::optional<std::uint64_t> ended = {};
};

std::uint32_t new_stream();

// Starts a piece of work, to which accesses belong from now on. `alone` is true if nothing else is queued.
void begin(const Stamp& stamp, bool alone);
// Returns the stamp of the work that runs now, without its clock.
Stamp running();
// Returns a time, at most `limit`, such that everything that ran before it is ordered before the work that
// runs now.
std::uint64_t ordered_until(std::uint64_t limit);
// For a piece with `Stamp::ended`: the answers are those before, or after, it has waited. Returns whether
// there is a difference.
bool set_waited(bool waited);
// Returns whether what ran at that time comes before the work that runs now.
bool is_ordered(std::uint64_t time);

// Returns the host's clock: what it waited for comes before everything that it queues or does afterwards.
Clock& host();
bool host_waited_for(std::uint32_t stream, std::uint64_t count);
// Notes that the host waited for everything.
void host_waited_for_all();

}  // namespace simt::order
