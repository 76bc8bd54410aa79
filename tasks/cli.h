// The command line.
#pragma once
#include <ostream>
#include <string>
#include <vector>

namespace stillpoint {

// Runs `stillpoint ARGUMENTS...`. 0: done; 1: an error, explained on `err`; 2: wrong usage; 130: interrupted
// by Ctrl-C after saving.
int run_command_line(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace stillpoint
