// The flags of `stillpoint bench`, which measures workloads.
#pragma once
#include <ostream>

#include "tasks/bench/sweep.h"
#include "tasks/command/cli_flags.h"

namespace stillpoint {

struct BenchFlags {
  std::string device = "auto", format = "text", out_folder, compare_with, worse = "10%", python;
  bench::Sweep sweep;
  std::vector<std::string> peers;
  double seconds = 1;
  int rounds = 3, beside = 0;
  bool list = false;

  void add_to(CLI::App& app);
  // `arguments` are those of the whole command. Returns the exit code: 1 if a row could not be measured or
  // --compare finds a slower one, stopped_code if the measurement was ended early.
  int run(const CLI::App& app, const std::vector<std::string>& arguments, std::ostream& out,
          std::ostream& err);

 private:
  // Throws Error if a flag would do nothing, or could not be followed.
  void refuse_idle_flags(const CLI::App& app) const;
};

}  // namespace stillpoint
