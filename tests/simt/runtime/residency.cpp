// Says how many blocks of a grid the device holds at once, which matters to blocks that wait for each other.
#include <algorithm>
#include <atomic>

#include "runtime/runtime.h"

namespace simt {
namespace {

constexpr std::uint64_t usual_multiprocessors = 132;
constexpr std::uint64_t most_threads = 1 << 15;  // each may have a stack

std::atomic<bool> size_is_known = false;

}  // namespace

void note_size_asked() { size_is_known = true; }

int blocks_per_multiprocessor(int threads, std::size_t shared_bytes) {
  const int by_shared = int(std::size_t(shared_per_multiprocessor) / (shared_bytes + 1024));
  return std::min({max_threads_per_multiprocessor / ((threads + 31) / 32 * 32), max_blocks_per_multiprocessor,
                   by_shared});
}

// A program that never asked how many multiprocessors there are may rely on a usual device's number.
std::uint64_t most_resident_blocks(const Grid& grid) {
  const std::uint64_t threads = std::uint64_t(grid.block.x) * grid.block.y * grid.block.z;
  const auto each = std::uint64_t(std::max(blocks_per_multiprocessor(int(threads), grid.shared_bytes), 1));
  const std::uint64_t all = each * (size_is_known ? std::uint64_t(multiprocessors) : usual_multiprocessors);
  return std::max(std::min(all, most_threads / threads), std::uint64_t(1));
}

}  // namespace simt
