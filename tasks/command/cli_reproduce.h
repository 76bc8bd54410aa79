// The flags of `stillpoint reproduce`.
#pragma once
#include <ostream>

#include "tasks/command/cli_flags.h"
#include "tasks/reproduce/reproduce.h"

namespace stillpoint {

struct ReproduceFlags {
  CommonFlags common;
  ReproduceRequest request;
  std::string folder = "runs/reproduction", data;

  void add_to(CLI::App& app);
  int run(std::ostream& out);

 private:
  void refuse_idle_flags() const;
  const CLI::App* app_ = nullptr;
};

}  // namespace stillpoint
