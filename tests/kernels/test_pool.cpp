// Tests loops on more than one thread: each piece runs once, with any number of threads, exceptions, nested
// loops, loops beside others and more threads than cores; and how many cores are usable.
#include "kernels/host/pool.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/device/error.h"
#include "kernels/gemm/gemm.h"
#include "kernels/host/host_memory.h"
#include "kernels/host/step_threads.h"
#include "kernels/host/threads.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

using kernels::parallel;

struct ThreadCount {
  int before = kernels::thread_count();
  explicit ThreadCount(int n) { kernels::set_thread_count(n); }
  ~ThreadCount() { kernels::set_thread_count(before); }
};

// Returns how often each of n pieces ran, in a loop within each of `outer` pieces.
std::vector<int> counts(Index outer, Index n) {
  std::vector<std::atomic<int>> done(std::size_t(outer * n));
  parallel(outer, [&](Index o) { parallel(n, [&](Index i) { ++done[std::size_t(o * n + i)]; }); });
  return {done.begin(), done.end()};
}

}  // namespace

TEST_CASE("a loop does every piece once, in slots that no two pieces share at once", "[pool]") {
  for (const int threads : {1, 2, 3, 7}) {
    const ThreadCount count(threads);
    for (const Index pieces : {0, 1, 2, 5, 64, 1000}) {
      CHECK(counts(1, pieces) == std::vector<int>(std::size_t(pieces), 1));
      CHECK(counts(pieces, 3) == std::vector<int>(std::size_t(3 * pieces), 1));
      std::vector<std::atomic<int>> inside(7);
      std::atomic<bool> shared = false;
      parallel(pieces, kernels::slots_for(pieces), [&](Index, int slot) {
        if (++inside[std::size_t(slot)] > 1) shared = true;
        std::this_thread::yield();
        --inside[std::size_t(slot)];
      });
      CHECK_FALSE(shared);
    }
  }
}

TEST_CASE("an exception of a piece reaches the caller, and the next loop is whole", "[pool]") {
  const ThreadCount count(3);
  for (const Index thrower : {0, 17, 63}) {
    CHECK_THROWS_WITH(parallel(64,
                               [&](Index i) {
                                 if (i == thrower) throw std::runtime_error("piece");
                               }),
                      "piece");
    CHECK(counts(1, 64) == std::vector<int>(64, 1));
  }
}

TEST_CASE("more threads than cores, and loops of several threads at once, do not hang", "[pool]") {
  const ThreadCount count(8);
  std::vector<std::thread> callers;
  std::atomic<Index> sum = 0;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round) parallel(20, [&](Index i) { sum += i; });
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(sum == 4 * 500 * 190);
}

TEST_CASE("a float32 product gives the same bits with any number of threads", "[pool][gemm]") {
  for (const auto& [m, n, k] : {std::array<Index, 3>{520, 120, 40}, {1000, 70, 300}, {401, 800, 129}}) {
    std::vector<float> a(std::size_t(m * k)), b(std::size_t(k * n)), c(std::size_t(m * n));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = float(i * 7919 % 1009) / 1009;
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = float(i * 104729 % 997) / 997;
    std::vector<float> alone;
    for (const int threads : {1, 2, 3, 7}) {
      const ThreadCount count(threads);
      kernels::gemm_host({false, false, m, n, k, k, n, n}, a.data(), b.data(), c.data());
      if (threads == 1) alone = c;
      CHECK(c == alone);
      parallel(2, [&](Index i) {
        if (i == 0) kernels::gemm_host({false, false, m, n, k, k, n, n}, a.data(), b.data(), c.data());
      });
      CHECK(c == alone);
    }
  }
}

// Simulates steps of 0.04 s of processor time with as many threads as ThreadChoice chooses.
struct Steps {
  kernels::ThreadChoice choice;
  kernels::Usage usage = {};
  std::map<int, double> seconds = {};  // of the last run, by number of threads

  // A step takes seconds_of(threads). With more than `undisturbed` threads, half of them wait for a core.
  template <class SecondsOf>
  void run(double length, const SecondsOf& seconds_of, int undisturbed) {
    seconds.clear();
    for (double done = 0; done < length;) {
      const int threads = choice.threads();
      const double step = seconds_of(threads);
      done += step;
      seconds[threads] += step;
      usage.ran += 0.04;
      if (threads > undisturbed) usage.waited += 0.5 * step * threads;
      choice.took(step, [&] { return usage; });
    }
  }
};

TEST_CASE("a step takes fewer threads while they lose their cores, and all of them afterwards", "[threads]") {
  const auto scales = [](int threads) { return 0.04 / threads; };
  const auto slowed = [](int threads) { return 0.12 / threads; };
  const auto stalls = [](int threads) { return threads <= 2 ? 0.04 / threads : 0.05 * threads; };
  Steps steps{kernels::ThreadChoice(8)};
  steps.run(60, scales, 8);
  steps.run(60, scales, 0);
  steps.run(60, slowed, 8);
  CHECK(steps.choice.threads() == 8);
  CHECK(steps.seconds.size() == 1);  // no trial if no thread waits, or if they still use 2/3 of the cores
  steps.run(60, slowed, 0);
  CHECK(steps.seconds[8] > 56);
  CHECK(steps.seconds[4] > 0);
  steps.run(10, stalls, 1);
  steps.run(60, stalls, 1);
  CHECK(steps.seconds[2] > 48);  // a trial of 4 threads is two steps, each 10 times as long
  CHECK(steps.seconds[8] == 0);
  steps.run(20, scales, 8);
  steps.run(60, scales, 8);
  CHECK(steps.seconds[8] > 59);
  Steps one{kernels::ThreadChoice(1)};
  one.run(10, stalls, 0);
  CHECK(one.seconds.size() == 1);
  Steps three{kernels::ThreadChoice(3)};
  three.run(10, stalls, 1);
  three.run(
      20, [](int threads) { return 0.05 * threads; }, 0);
  CHECK(three.seconds[1] > 17);
  three.run(20, scales, 3);
  CHECK(three.choice.threads() == 3);
}

TEST_CASE("a brief step takes as many threads as are fastest", "[threads]") {
  const auto met = [](double work, double meeting) {
    return [=](int threads) { return work / threads + meeting * (threads - 1); };
  };
  Steps steps{kernels::ThreadChoice(16)};
  steps.run(60, met(0.00005, 0.0001), 16);
  CHECK(steps.choice.threads() == 1);
  steps.run(60, met(0.00005, 0.0001), 16);
  CHECK(steps.seconds[1] > 57);
  steps.run(120, met(0.0019, 0.0001), 16);  // 4 threads: 0.78 ms, 2 or 8: 1.05 or 0.94
  steps.run(60, met(0.0019, 0.0001), 16);
  CHECK(steps.seconds[4] > 55);
}

TEST_CASE("measured steps give what they computed and leave the pool as it was", "[threads]") {
  const ThreadCount count(5);
  {
    kernels::MeasuredSteps steps;
    CHECK(steps.run([] { return counts(1, 64); }) == std::vector<int>(64, 1));
    kernels::set_thread_count(2);
  }
  CHECK(kernels::thread_count() == 5);
}

TEST_CASE("limits of any control group on the way up count: CPU quota and memory", "[threads]") {
  const std::filesystem::path root =
      std::filesystem::temp_directory_path() / text("stillpoint-groups-", ::getpid());
  const auto write = [&](const std::string& file, const std::string& content) {
    std::filesystem::create_directories((root / file).parent_path());
    std::ofstream(root / file) << content << "\n";
  };
  write("a/b/cpu.max", "max 100000");
  write("a/cpu.max", "150000 100000");
  write("cpu/docker/x/cpu.cfs_quota_us", "50000");
  write("cpu/docker/x/cpu.cfs_period_us", "100000");
  write("cpu/free/cpu.cfs_quota_us", "-1");
  write("cpu/free/cpu.cfs_period_us", "100000");
  const auto quota = [&](const char* memberships) { return kernels::quota(memberships, root); };
  CHECK(quota("0::/a/b") == 1.5);
  CHECK(quota("0::/other/b") == 0);
  CHECK(quota("4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n0::/") == 0.5);
  CHECK(quota("4:memory:/docker/x\n1:cpu:/free\n") == 0);
  CHECK(quota("not a group\n::\n") == 0);
  write("a b\\x2d:c/memory.max", "max");
  write("a b\\x2d:c/memory.current", "7000");
  write("memory/docker/memory.limit_in_bytes", "5000");
  write("memory/docker/memory.usage_in_bytes", "4000");
  write("memory/docker/memory.stat", "cache 9\ntotal_inactive_file 1000");
  const auto left = [&](const char* memberships) { return kernels::left_in_groups(memberships, root); };
  const std::size_t no_limit = left("");
  CHECK(no_limit == SIZE_MAX);
  CHECK(left("0::/a b\\x2d:c/d") == no_limit);
  write("a b\\x2d:c/memory.max", "9000");
  CHECK(left("0::/a b\\x2d:c/d") == 2000);
  CHECK(left("3:cpu:/\n4:memory:/docker/x\n0::/") == 2000);
  CHECK(left("10:cpu,cpuacct:/docker\n11:memoryless:/docker") == no_limit);
  std::filesystem::remove_all(root);
  CHECK(kernels::cores() >= 1);
}

}  // namespace stillpoint
