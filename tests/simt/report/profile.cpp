// Turns requests of warps into counts of sectors, wavefronts and partial instructions.
#include "report/profile.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "checks/shadow.h"
#include "machine/block.h"
#include "report/trace_notes.h"

namespace simt {
namespace {

constexpr std::uintptr_t sector = 32, bank_bytes = 4, banks = 32;
constexpr std::uint32_t loads_together = 8;

struct Profiles {
  std::mutex mutex;
  bool on = false;
  std::map<std::string, KernelProfile> kernels;
  std::map<std::pair<const void*, const void*>, PlaceProfile> places;  // by kernel and place
  std::map<const void*, Grid> grids;                                   // the last launch of each kernel
  // For each sector of device memory, the number of the launch that touched it last. `started` is the first
  // number since profile(true).
  std::uint32_t* latest = nullptr;
  std::uint32_t launch = 0, started = 0;
  std::uint64_t touched = 0;  // sectors since then

  // Returns whether the launch did not touch the sector before. Variables and pinned memory have no sectors
  // here.
  bool touch(std::uintptr_t number) {
    if (!arena().holds(number * sector)) return false;
    std::uint32_t& last = latest[number - arena().base / sector];
    touched += last < started;
    return std::exchange(last, launch) != launch;
  }
};
Profiles& profiles() {
  static auto* const instance = new Profiles;
  return *instance;
}

}  // namespace

void profile(bool on) {
  const std::lock_guard lock(profiles().mutex);
  profiles().on = on;
  if (!on) return;
  profiles().kernels.clear();
  profiles().places.clear();
  profiles().grids.clear();
  profiles().touched = 0;
  profiles().started = ++profiles().launch;
  if (profiles().latest == nullptr)
    profiles().latest =
        static_cast<std::uint32_t*>(reserve_memory((arena().bytes / sector + 1) * sizeof(std::uint32_t)));
}

std::uint64_t profiled_bytes() {
  const std::lock_guard lock(profiles().mutex);
  return profiles().touched * sector;
}

void profile_bytes(const void* pointer, std::size_t bytes) {
  const std::lock_guard lock(profiles().mutex);
  const auto at = reinterpret_cast<std::uintptr_t>(pointer);
  if (!profiles().on || bytes == 0 || !arena().holds(at)) return;
  for (std::uintptr_t s = at / sector; s <= (at + bytes - 1) / sector; ++s) profiles().touch(s);
}

KernelProfile kernel_profile(const std::string& name) {
  const std::lock_guard lock(profiles().mutex);
  const auto found = profiles().kernels.find(name);
  return found == profiles().kernels.end() ? KernelProfile{} : found->second;
}

std::vector<std::string> profiled_kernels() {
  const std::lock_guard lock(profiles().mutex);
  std::vector<std::string> names;
  for (const auto& [name, counts] : profiles().kernels) names.push_back(name);
  return names;
}

void Profiler::start_launch(const Grid& grid) {
  {
    const std::lock_guard lock(profiles().mutex);
    on_ = profiles().on;
    ++profiles().launch;
  }
  if (!on_) return;
  threads_ = int(grid.block.x * grid.block.y * grid.block.z);
  counts_ = {};
  counts_.launches = 1;
  counts_.blocks = std::uint64_t(grid.grid.x) * grid.grid.y * grid.grid.z;
  name_ = kernel_name(grid.kernel);
  kernel_ = grid.kernel;
  {
    const std::lock_guard lock(profiles().mutex);
    Grid& last = profiles().grids[kernel_] = grid;
    last.body = {};
  }
  waits_.assign(std::size_t(threads_), {});
  block_waits_ = 0;
  warps_.assign(std::size_t(threads_ + 31) / 32, {});
  for (std::size_t w = 0; w < warps_.size(); ++w) {
    const int lanes = std::min(32, threads_ - int(w) * 32);
    warps_[w].lanes = lanes == 32 ? ~0u : (1u << lanes) - 1;
  }
}

void Profiler::end_launch() {
  if (!on_) return;
  flush();
  on_ = false;
  {
    const std::lock_guard lock(profiles().mutex);
    profiles().kernels[name_] += counts_;
  }
  note_profile(counts_);
}

void Profiler::barrier() {
  if (!on_) return;
  ++counts_.barriers;
  flush();
}

void Profiler::end_block() {
  if (!on_) return;
  flush();
  counts_.load_waits = std::max(counts_.load_waits, std::exchange(block_waits_, 0));
}

void Profiler::wait_for_load(int thread, bool write) {
  Waits& waits = waits_[std::size_t(thread)];
  if (write) {
    waits.stored = true;
    return;
  }
  if (waits.stored || waits.together == 0 || waits.together == loads_together) {
    ++waits.count;
    waits.together = 0;
    waits.stored = false;
  }
  ++waits.together;
}

void Profiler::note(int thread, std::uintptr_t at, std::size_t bytes, bool write, bool shared,
                    const void* place) {
  warps_[std::size_t(thread / 32)].accesses.push_back(
      {place, at, std::uint32_t(bytes), std::uint8_t(thread % 32), write, shared, 0});
}

std::size_t Profiler::Key::hash() const {
  const std::uint64_t a = std::uint64_t(place) << 32 | occurrence;
  const std::uint64_t b = std::uint64_t(meeting) << 32 | meeting_occurrence;
  const std::uint64_t mixed = (a * 0x9e3779b97f4a7c15u) ^ (b * 0xc2b2ae3d27d4eb4fu);
  return std::size_t(mixed ^ mixed >> 29);
}

void Profiler::find_meetings(Warp& warp) {
  numbers_.clear();
  places_.clear();
  unsigned active = 0;
  for (Access& access : warp.accesses) {
    const auto [number, fresh] = numbers_.add({access.place});
    if (fresh) places_.emplace_back();
    access.number = number;
    ++places_[number].counts[access.lane];
    active |= 1u << access.lane;
  }
  for (Place& place : places_) {
    std::uint32_t first = 0, last = 0;
    bool falling = true;
    for (unsigned rest = active; rest != 0; rest &= rest - 1) {
      const std::uint32_t count = place.counts[std::size_t(std::countr_zero(rest))];
      if (rest == active) first = last = count;
      falling = falling && count <= last;
      last = count;
    }
    place.meeting = falling && first - last <= 1;
  }
}

Profiler::Key Profiler::key_of(const Access& access, Lane& lane) {
  Place& place = places_[access.number];
  const std::uint32_t number = access.number + 1;  // 0: there was no meeting
  if (place.meeting) {
    lane.meeting = number;
    lane.occurrence = place.seen[access.lane]++;
    ++lane.meetings;
    return {number, lane.occurrence, 0, 0};
  }
  if (place.since[access.lane] != lane.meetings) place.after[access.lane] = 0;
  place.since[access.lane] = lane.meetings;
  return {number, place.after[access.lane]++, lane.meeting, lane.occurrence};
}

void Profiler::flush() {
  std::uint32_t most = 0;
  for (Waits& waits : waits_) most = std::max(most, std::exchange(waits, {}).count);
  block_waits_ += most;
  const std::lock_guard lock(profiles().mutex);
  for (Warp& warp : warps_) {
    find_meetings(warp);
    index_.clear();
    requests_.clear();
    std::array<Lane, 32> lanes;
    for (const Access& access : warp.accesses) {
      const auto [number, fresh] = index_.add(key_of(access, lanes[access.lane]));
      if (fresh)
        requests_.push_back({access.place, access.number, 0, access.bytes, access.write, access.shared, {}});
      Request& request = requests_[number];
      request.lanes |= 1u << access.lane;
      request.at[access.lane] = access.at;
    }
    for (const Request& request : requests_) count(warp, request);
    warp.accesses.clear();
  }
}

namespace {

std::uint64_t count_distinct(std::vector<std::uintptr_t>& values) {
  if (!std::is_sorted(values.begin(), values.end())) std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values.size();
}

}  // namespace

std::uint64_t Profiler::sectors(const Request& request) {
  touched_.clear();
  for (unsigned rest = request.lanes; rest != 0; rest &= rest - 1) {
    const std::uintptr_t at = request.at[std::size_t(std::countr_zero(rest))];
    for (std::uintptr_t s = at / sector; s <= (at + request.bytes - 1) / sector; ++s) touched_.push_back(s);
  }
  return count_distinct(touched_);
}

// Shared memory serves 32 lanes of 4 bytes, 16 of 8 or 8 of 16 at a time. Each bank gives one word each time;
// lanes that read the same word are served together.
std::uint64_t Profiler::wavefronts(const Request& request) {
  const unsigned together = request.bytes > 8 ? 8 : request.bytes > 4 ? 16 : 32;
  std::uint64_t total = 0;
  for (unsigned first = 0; first < 32; first += together) {
    touched_.clear();
    for (unsigned lane = first; lane < first + together; ++lane) {
      if ((request.lanes >> lane & 1) == 0) continue;
      const std::uintptr_t from = request.at[lane] / bank_bytes;
      const std::uintptr_t to = (request.at[lane] + request.bytes - 1) / bank_bytes;
      for (std::uintptr_t word = from; word <= to; ++word) touched_.push_back(word);
    }
    count_distinct(touched_);
    std::array<std::uint64_t, banks> words = {};
    for (const std::uintptr_t word : touched_) ++words[word % banks];
    total += *std::max_element(words.begin(), words.end());
  }
  return total;
}

void Profiler::count(const Warp& warp, const Request& request) {
  ++counts_.instructions;
  if (request.lanes != warp.lanes) ++counts_.partial_instructions;
  const auto lanes = std::uint64_t(std::popcount(request.lanes));
  const std::uint64_t bytes = lanes * request.bytes;
  if (request.shared) {
    const unsigned together = request.bytes > 8 ? 8 : request.bytes > 4 ? 16 : 32;
    std::uint64_t needed = 0;
    for (unsigned first = 0; first < 32; first += together)
      needed += (request.lanes >> first & (together == 32 ? ~0u : (1u << together) - 1)) != 0;
    const std::uint64_t took = wavefronts(request);
    note_place(request, took, needed * ((request.bytes + 15) / 16));
    ++counts_.shared_requests;
    counts_.shared_wavefronts += took;
    counts_.bank_conflicts += took - std::min(took, needed * ((request.bytes + 15) / 16));
    return;
  }
  const std::uint64_t touched = sectors(request);
  for (const std::uintptr_t number : touched_) counts_.bytes_touched += sector * profiles().touch(number);
  note_place(request, touched, (bytes + sector - 1) / sector);
  auto& side = request.write ? counts_.stores : counts_.loads;
  ++side.requests;
  side.sectors += touched;
  side.bytes_requested += bytes;
  side.bytes_moved += touched * sector;
}

void Profiler::note_place(const Request& request, std::uint64_t passes, std::uint64_t needed) {
  PlaceProfile*& profile = places_[request.number].profile;
  if (profile == nullptr) profile = &profiles().places[{kernel_, request.place}];
  PlaceProfile& place = *profile;
  place.write = request.write;
  place.shared = request.shared;
  place.bytes = request.bytes;
  ++place.requests;
  place.passes += passes;
  place.needed += needed;
  if (passes <= place.worst) return;
  place.worst = passes;
  place.lanes = request.lanes;
  place.at = request.at;
}

namespace {

void write_kernel(std::FILE* file, const Grid& grid, const KernelProfile& k) {
  const auto name = kernel_name(grid.kernel);
  std::fprintf(file, "kernel\t%s\t%s", name.c_str(), kernel_symbol(grid.kernel).c_str());
  for (const std::uint64_t value : {k.launches,
                                    k.blocks,
                                    std::uint64_t(grid.block.x) * grid.block.y * grid.block.z,
                                    std::uint64_t(grid.shared_bytes),
                                    k.loads.requests,
                                    k.loads.sectors,
                                    k.loads.bytes_requested,
                                    k.loads.bytes_moved,
                                    k.stores.requests,
                                    k.stores.sectors,
                                    k.stores.bytes_requested,
                                    k.stores.bytes_moved,
                                    k.shared_requests,
                                    k.shared_wavefronts,
                                    k.bank_conflicts,
                                    k.barriers,
                                    k.instructions,
                                    k.partial_instructions,
                                    k.bytes_touched,
                                    k.load_waits})
    std::fprintf(file, "\t%llu", static_cast<unsigned long long>(value));
  std::fputc('\n', file);
}

// Addresses count from the first sector or row of banks that the request touches.
void write_place(std::FILE* file, const void* kernel, const void* place, const PlaceProfile& p) {
  std::uintptr_t first = ~std::uintptr_t(0);
  for (unsigned rest = p.lanes; rest != 0; rest &= rest - 1)
    first = std::min(first, p.at[std::size_t(std::countr_zero(rest))]);
  first -= first % (banks * bank_bytes);
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  const std::string name = kernel_name(kernel), where = describe_place(place);
  std::fprintf(file, "place\t%s\t%s\t%s %s\t%u\t%llu\t%llu\t%llu\t%llu", name.c_str(), where.c_str(),
               p.shared ? "shared" : "device", p.write ? "store" : "load", p.bytes, number(p.requests),
               number(p.passes), number(p.needed), number(p.worst));
  for (unsigned lane = 0; lane < 32; ++lane)
    if ((p.lanes >> lane & 1) != 0) std::fprintf(file, "\t%u:%llu", lane, number(p.at[lane] - first));
  std::fputc('\n', file);
}

}  // namespace

void start_profile_file() {
  if (std::getenv("SIMT_PROFILE") == nullptr) return;
  profile(true);
  std::atexit(write_profile_file);
}

void write_profile_file() {
  const char* const path = std::getenv("SIMT_PROFILE");
  std::FILE* const file = path != nullptr ? std::fopen(path, "w") : nullptr;
  if (file == nullptr) return;
  const std::lock_guard lock(profiles().mutex);
  for (const auto& [kernel, grid] : profiles().grids)
    write_kernel(file, grid, profiles().kernels[kernel_name(kernel)]);
  for (const auto& [key, place] : profiles().places) write_place(file, key.first, key.second, place);
  std::fclose(file);
}

KernelProfile& KernelProfile::operator+=(const KernelProfile& other) {
  const auto add = [](GlobalTraffic& to, const GlobalTraffic& from) {
    to.requests += from.requests;
    to.sectors += from.sectors;
    to.bytes_requested += from.bytes_requested;
    to.bytes_moved += from.bytes_moved;
  };
  launches += other.launches;
  blocks += other.blocks;
  add(loads, other.loads);
  add(stores, other.stores);
  shared_requests += other.shared_requests;
  shared_wavefronts += other.shared_wavefronts;
  bank_conflicts += other.bank_conflicts;
  barriers += other.barriers;
  instructions += other.instructions;
  partial_instructions += other.partial_instructions;
  bytes_touched += other.bytes_touched;
  load_waits += other.load_waits;
  return *this;
}

}  // namespace simt
