// The flags of `stillpoint draw`.
#pragma once
#include <ostream>
#include <string>
#include <vector>

#include "tasks/command/cli_flags.h"
#include "tasks/drawing/csv.h"

namespace stillpoint {

struct DrawFlags {
  std::string file, output, title, look = "line";
  drawing::CsvColumns columns;
  std::vector<std::string> log;

  void add_to(CLI::App& app);
  int run(std::ostream& out) const;
};

}  // namespace stillpoint
