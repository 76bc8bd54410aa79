// Requests of warps become counts of sectors, wavefronts and partly filled instructions.
#include "tests/simt/profile.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <set>

#include "tests/simt/block.h"

namespace simt {
namespace {

constexpr std::uintptr_t sector = 32, bank_bytes = 4, banks = 32;

struct Profiles {
  std::mutex mutex;
  bool on = false;
  std::map<std::string, KernelProfile> kernels;
};
Profiles& profiles() {
  static auto* const instance = new Profiles;
  return *instance;
}

}  // namespace

void profile(bool on) {
  const std::lock_guard lock(profiles().mutex);
  if (on) profiles().kernels.clear();
  profiles().on = on;
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
  }
  if (!on_) return;
  threads_ = int(grid.block.x * grid.block.y * grid.block.z);
  counts_ = {};
  counts_.launches = 1;
  name_ = kernel_name(grid.kernel);
  warps_.assign(std::size_t(threads_ + 31) / 32, Warp{});
  for (std::size_t w = 0; w < warps_.size(); ++w) {
    const int lanes = std::min(32, threads_ - int(w) * 32);
    warps_[w].lanes = lanes == 32 ? ~0u : (1u << lanes) - 1;
  }
}

void Profiler::end_launch() {
  if (!on_) return;
  flush();
  on_ = false;
  const std::lock_guard lock(profiles().mutex);
  profiles().kernels[name_] += counts_;
}

void Profiler::barrier() {
  if (!on_) return;
  ++counts_.barriers;
  flush();
}

void Profiler::end_block() {
  if (on_) flush();
}

void Profiler::note(int thread, std::uintptr_t at, std::size_t bytes, bool write, bool shared, const void* place) {
  Warp& warp = warps_[std::size_t(thread / 32)];
  const auto lane = unsigned(thread % 32);
  Request& request = warp.requests[{place, warp.occurrences[{place, int(lane)}]++}];
  request.lanes |= 1u << lane;
  request.bytes = std::uint32_t(bytes);
  request.write = write;
  request.shared = shared;
  request.at[lane] = at;
}

void Profiler::flush() {
  for (Warp& warp : warps_) {
    for (const auto& [key, request] : warp.requests) count(warp, request);
    warp.requests.clear();
    warp.occurrences.clear();
  }
}

// Shared memory serves 32 lanes of 4 bytes, 16 of 8 or 8 of 16 at a time, a bank one word each time; lanes that read
// the same word are served together.
std::uint64_t Profiler::wavefronts(const Request& request) {
  const unsigned together = request.bytes > 8 ? 8 : request.bytes > 4 ? 16 : 32;
  std::uint64_t total = 0;
  for (unsigned first = 0; first < 32; first += together) {
    std::array<std::set<std::uintptr_t>, banks> words;
    for (unsigned lane = first; lane < first + together; ++lane) {
      if ((request.lanes >> lane & 1) == 0) continue;
      const std::uintptr_t from = request.at[lane] / bank_bytes;
      const std::uintptr_t to = (request.at[lane] + request.bytes - 1) / bank_bytes;
      for (std::uintptr_t word = from; word <= to; ++word) words[word % banks].insert(word);
    }
    std::size_t worst = 0;
    for (const auto& bank : words) worst = std::max(worst, bank.size());
    total += worst;
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
    ++counts_.shared_requests;
    counts_.shared_wavefronts += took;
    counts_.bank_conflicts += took - std::min(took, needed * ((request.bytes + 15) / 16));
    return;
  }
  std::set<std::uintptr_t> sectors;
  for (unsigned rest = request.lanes; rest != 0; rest &= rest - 1) {
    const std::uintptr_t at = request.at[std::size_t(std::countr_zero(rest))];
    for (std::uintptr_t s = at / sector; s <= (at + request.bytes - 1) / sector; ++s) sectors.insert(s);
  }
  auto& side = request.write ? counts_.stores : counts_.loads;
  ++side.requests;
  side.sectors += sectors.size();
  side.bytes_requested += bytes;
  side.bytes_moved += sectors.size() * sector;
}

KernelProfile& KernelProfile::operator+=(const KernelProfile& other) {
  const auto add = [](GlobalTraffic& to, const GlobalTraffic& from) {
    to.requests += from.requests;
    to.sectors += from.sectors;
    to.bytes_requested += from.bytes_requested;
    to.bytes_moved += from.bytes_moved;
  };
  launches += other.launches;
  add(loads, other.loads);
  add(stores, other.stores);
  shared_requests += other.shared_requests;
  shared_wavefronts += other.shared_wavefronts;
  bank_conflicts += other.bank_conflicts;
  barriers += other.barriers;
  instructions += other.instructions;
  partial_instructions += other.partial_instructions;
  return *this;
}

}  // namespace simt
