// Counts what the memory system would do for a kernel: sectors, bank conflicts, divergence.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "simt/machine.h"

namespace simt {

// What all requests from one place of a kernel did, and the one that took the most passes.
struct PlaceProfile {
  bool write = false, shared = false;
  std::uint32_t bytes = 0;  // of a lane
  std::uint64_t requests = 0;
  std::uint64_t passes = 0;  // sectors of device memory, wavefronts of shared memory
  std::uint64_t needed = 0;  // the fewest that these bytes fit into
  std::uint64_t worst = 0;
  std::uint32_t lanes = 0;
  std::array<std::uintptr_t, 32> at = {};
};

// Numbers keys from 0 in the order in which they come. Keeps its memory when it is cleared.
template <class Key>
class Numbering {
 public:
  void clear() { ++generation_, count_ = 0; }
  // Returns the key's number, and whether the key is new.
  std::pair<std::uint32_t, bool> add(const Key& key) {
    if (2 * std::size_t(count_) >= slots_.size()) grow();
    for (std::size_t i = key.hash();; ++i) {
      Slot& slot = slots_[i % slots_.size()];
      if (slot.generation != generation_) {
        slot = {key, generation_, count_};
        return {count_++, true};
      }
      if (slot.key == key) return {slot.number, false};
    }
  }

 private:
  struct Slot {
    Key key;
    std::uint64_t generation = 0;
    std::uint32_t number = 0;
  };
  void grow() {
    const std::vector<Slot> old =
        std::exchange(slots_, std::vector<Slot>(slots_.empty() ? 64 : 4 * slots_.size()));
    for (const Slot& slot : old) {
      if (slot.generation != generation_) continue;
      std::size_t i = slot.key.hash();
      while (slots_[i % slots_.size()].generation == generation_) ++i;
      slots_[i % slots_.size()] = slot;
    }
  }
  std::vector<Slot> slots_;
  std::uint64_t generation_ = 1;
  std::uint32_t count_ = 0;
};

// Lanes run one after the other. After each barrier, the profiler finds which of their accesses a warp makes
// as one instruction. If every lane makes an access equally often (or the last lanes once less, as at the end
// of a strided loop), its occurrences belong together by their number. An access after a condition, or in a
// loop whose length depends on the lane, belongs together if it follows the same access of the first kind:
// there, lanes that diverged meet again.
class Profiler {
 public:
  void start_launch(const Grid& grid);
  void end_launch();
  void barrier();
  void end_block();
  // Counts what the block did until now; another block runs next.
  void leave_block() {
    if (on_) flush();
  }
  bool on() const { return on_; }
  void global(int thread, std::uintptr_t at, std::size_t bytes, bool write, const void* place) {
    if (!on_) return;
    wait_for_load(thread, write);
    note(thread, at, bytes, write, false, place);
  }
  void shared(int thread, std::uintptr_t at, std::size_t bytes, bool write, const void* place) {
    if (on_) note(thread, at, bytes, write, true, place);
  }

 private:
  struct Request {
    const void* place = nullptr;
    std::uint32_t number = 0;  // of the place
    std::uint32_t lanes = 0;
    std::uint32_t bytes = 0;
    bool write = false, shared = false;
    std::array<std::uintptr_t, 32> at;
  };
  struct Access {
    const void* place;
    std::uintptr_t at;
    std::uint32_t bytes;
    std::uint8_t lane;
    bool write, shared;
    std::uint32_t number;  // of the place
  };
  struct Address {
    const void* at = nullptr;
    std::size_t hash() const {
      return std::size_t((reinterpret_cast<std::uintptr_t>(at) * 0x9e3779b97f4a7c15u) >> 20);
    }
    bool operator==(const Address&) const = default;
  };
  struct Place {
    std::array<std::uint32_t, 32> counts = {};  // by lane, since the barrier
    std::array<std::uint32_t, 32> seen = {};    // of these, so far
    std::array<std::uint32_t, 32> since = {};   // the meeting from which `after` counts
    std::array<std::uint32_t, 32> after = {};   // how often since the lane's last meeting
    PlaceProfile* profile = nullptr;
    bool meeting = false;
  };
  struct Key {
    std::uint32_t place, occurrence, meeting, meeting_occurrence;
    std::size_t hash() const;
    bool operator==(const Key&) const = default;
  };
  struct Lane {
    std::uint32_t meeting = 0, occurrence = 0, meetings = 0;  // the last meeting, and how many there were
  };
  struct Warp {
    std::vector<Access> accesses;
    std::uint32_t lanes = 0;  // lanes that exist
  };

  // What a thread waits for since the last barrier.
  struct Waits {
    std::uint32_t count = 0, together = 0;
    bool stored = false;
  };
  void wait_for_load(int thread, bool write);
  void note(int thread, std::uintptr_t at, std::size_t bytes, bool write, bool shared, const void* place);
  void flush();
  void find_meetings(Warp& warp);
  Key key_of(const Access& access, Lane& lane);
  void count(const Warp& warp, const Request& request);
  void note_place(const Request& request, std::uint64_t passes, std::uint64_t needed);
  std::uint64_t sectors(const Request& request);
  std::uint64_t wavefronts(const Request& request);

  bool on_ = false;
  int threads_ = 0;
  std::vector<Warp> warps_;
  std::vector<Waits> waits_;       // by thread
  std::uint64_t block_waits_ = 0;  // of the block, until the last barrier
  Numbering<Address> numbers_;     // of places_
  std::vector<Place> places_;
  Numbering<Key> index_;  // into requests_
  std::vector<Request> requests_;
  std::vector<std::uintptr_t> touched_;  // sectors or words of the request that is counted
  KernelProfile counts_;
  std::string name_;
  const void* kernel_ = nullptr;
};

// Starts a profile that is written to the file which the environment variable SIMT_PROFILE names, if it does.
void start_profile_file();
// Writes it; simt-run makes a table and a page of it.
void write_profile_file();

// Notes that a copy or a library uses the bytes.
void profile_bytes(const void* pointer, std::size_t bytes);

}  // namespace simt
