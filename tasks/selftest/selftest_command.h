// The flags of `stillpoint selftest` and `stillpoint info`.
#pragma once
#include "tasks/command/cli_flags.h"
#include "tasks/selftest/selftest.h"

namespace stillpoint {

struct SelftestFlags {
  CommonFlags common;
  SelftestRequest request;
  std::string precision = "float32";
  bool no_timing = false;

  void add_to(CLI::App& app);
  int run(std::ostream& out);
};

struct InfoFlags {
  PlansRequest request;
  std::string precision = "float32";
  bool plans = false;

  void add_to(CLI::App& app);
  int run(std::ostream& out);
};

}  // namespace stillpoint
