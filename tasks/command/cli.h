// The command line.
#pragma once
#include <ostream>
#include <string>
#include <vector>

namespace stillpoint {

// Runs `stillpoint ARGUMENTS...`. 0: done, and everything is written to `out`; 1: an error, explained on
// `err`; 2: wrong usage; 130 (stopped_code): a signal or a broken `out` stopped it, what it had reached is
// saved.
int run_command_line(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace stillpoint
