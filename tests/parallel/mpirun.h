// Runs the program under mpirun, only on this machine.
#pragma once
#include <cstdlib>

#include "engine/io/files.h"
#include "tasks/io/metrics.h"
#include "tests/support/metrics_rows.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint::test {

// By default Open MPI refuses to run as root or with more ranks than cores, binds each rank to a core (which
// other tests use too), lets a rank that waits keep its core busy, and keeps memory at its end that
// AddressSanitizer would report. Other implementations ignore these variables.
inline void allow_ranks() {
  for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
                           "OMPI_MCA_rmaps_base_oversubscribe", "OMPI_MCA_mpi_yield_when_idle"})
    ::setenv(name, "1", 1);
  ::setenv("OMPI_MCA_hwloc_base_binding_policy", "none", 1);
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
}

inline pid_t start_ranks(const std::filesystem::path& folder, int ranks,
                         const std::vector<std::string>& arguments) {
  allow_ranks();
  std::vector<std::string> words{STILLPOINT_MPIRUN, "-n", std::to_string(ranks), STILLPOINT_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return start_command(folder, words);
}

inline Result run_ranks(const std::filesystem::path& folder, int ranks,
                        const std::vector<std::string>& arguments) {
  return finish(start_ranks(folder, ranks, arguments), folder);
}

// Runs rank 0 with `first` and rank 1 with `second`.
inline Result run_two(const std::filesystem::path& folder, const std::vector<std::string>& first,
                      const std::vector<std::string>& second) {
  allow_ranks();
  std::vector<std::string> words{STILLPOINT_MPIRUN, "-n", "1", STILLPOINT_PROGRAM};
  words.insert(words.end(), first.begin(), first.end());
  words.insert(words.end(), {":", "-n", "1", STILLPOINT_PROGRAM});
  words.insert(words.end(), second.begin(), second.end());
  return finish(start_command(folder, words), folder);
}

// Returns the arguments of a copy-memory run that takes a fraction of a second; `changes` override its
// settings.
inline std::vector<std::string> small_run(const std::string& run,
                                          const std::vector<std::string>& changes = {}) {
  std::string model = "single";
  for (const std::string& change : changes)
    if (change.starts_with("model=")) model = change.substr(6);
  std::vector<std::string> settings{
      "blank=10", "train_sequences=12", "valid_sequences=3", "test_sequences=3", "batch=5", "epochs=3",
      "lr=0.01",  "log_every=1",        "dtype=float64"};
  const auto add = [&](std::initializer_list<const char*> more) {
    settings.insert(settings.end(), more.begin(), more.end());
  };
  if (model == "deq")
    add({"deq_features=8", "deq_heads=2", "deq_inner=8"});
  else
    add({"tcn_blocks=2", "tcn_channels=4"});
  if (model == "single" || model == "two") add({"d_phi=8", "hidden=8"});
  if (model == "two") add({"d_psi=8"});
  std::vector<std::string> out{"train", "copy-memory", "--device", "cpu", "--threads", "1", "--run", run};
  for (const std::string& setting : settings) out.insert(out.end(), {"--set", setting});
  for (const std::string& change : changes) out.insert(out.end(), {"--set", change});
  return out;
}

// Returns the logged losses in order.
inline std::vector<double> losses(const std::filesystem::path& run) {
  std::vector<double> out;
  for (const nlohmann::json& row : rows_of(run / "metrics.jsonl"))
    out.push_back(row.at("loss").get<double>());
  return out;
}

inline void check_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  REQUIRE(!a.empty());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("row " << i);
    CHECK(std::abs(a[i] - b[i]) <= tolerance * std::abs(b[i]));
  }
}

}  // namespace stillpoint::test
