// Finds and kills a rank below mpirun.
#pragma once
#include <signal.h>

#include <algorithm>
#include <fstream>

#include "tests/parallel/mpirun.h"

namespace stillpoint::test {

inline bool environment_has(const std::filesystem::path& process, const std::string& entry) {
  std::ifstream in(process / "environ", std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  return ('\0' + all).find('\0' + entry + '\0') != std::string::npos;
}

// Returns the process of a rank below mpirun; 0 if there is none.
inline pid_t process_of(pid_t mpirun, int rank) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "stat");
    std::string id, command, state;
    pid_t parent = 0;
    in >> id >> command >> state >> parent;
    if (parent == mpirun && (environment_has(entry.path(), text("OMPI_COMM_WORLD_RANK=", rank)) ||
                             environment_has(entry.path(), text("PMI_RANK=", rank))))
      return pid_t(std::stol(name));
  }
  return 0;
}

inline void wait_for_rows(const std::filesystem::path& metrics, std::size_t rows) {
  wait_for(metrics);
  for (int i = 0; i < 1000; ++i) {
    std::ifstream in(metrics);
    if (std::size_t(std::count(std::istreambuf_iterator<char>(in), {}, '\n')) >= rows) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  FAIL("no rows in " << metrics);
}

// Starts a run, kills one of its ranks with kill -9 once the run has logged some steps, and returns what the
// other ranks printed.
inline Result kill_rank(const TempDir& folder, int ranks, const std::vector<std::string>& arguments,
                        const std::string& run, int rank) {
  const pid_t mpirun = start_ranks(folder.path(), ranks, arguments);
  wait_for_rows(folder / run / "metrics.jsonl", 5);
  const pid_t victim = process_of(mpirun, rank);
  REQUIRE(victim > 0);
  REQUIRE(::kill(victim, SIGKILL) == 0);
  return finish(mpirun, folder.path());
}

}  // namespace stillpoint::test
