// Tries the limits and gives back at once what it took.
#include "kernels/host/address_space.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <latch>
#include <limits>
#include <new>
#include <thread>
#include <vector>

namespace stillpoint::kernels {
namespace {

constexpr std::size_t room = std::size_t(32) << 20;

// Returns the limit of addresses and of data, or the largest number if there is none.
std::size_t limit() {
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit found = {};
    if (::getrlimit(resource, &found) == 0 && found.rlim_cur != RLIM_INFINITY)
      least = std::min(least, found.rlim_cur);
  }
  return least;
}
bool is_limited() { return limit() != std::numeric_limits<std::size_t>::max(); }

}  // namespace

void start_within_limits() {
  if (!is_limited()) return;
  ::mallopt(M_ARENA_MAX, 1);
  if (!leaves_room_for_libraries()) throw std::bad_alloc();
}

std::size_t left_by_limits() {
  if (!is_limited()) return limit();
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const std::size_t taken = pages * std::size_t(::sysconf(_SC_PAGESIZE)) + room;
  return limit() > taken ? limit() - taken : 0;
}

bool leaves_room_for_libraries() {
  if (!is_limited()) return true;
  void* const trial =
      ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (trial == MAP_FAILED) return false;
  ::munmap(trial, room);
  return true;
}

void require_threads(int threads) {
  struct Release {
    std::latch& latch;
    ~Release() { latch.count_down(); }
  };
  std::latch all_there(1);
  std::vector<std::jthread> others;
  const Release release{all_there};
  for (int i = 1; i < threads; ++i) others.emplace_back([&] { all_there.wait(); });
  if (!leaves_room_for_libraries()) throw std::bad_alloc();
}

}  // namespace stillpoint::kernels
