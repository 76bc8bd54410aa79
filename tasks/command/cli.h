// Parses the command line and runs the command.
#pragma once
#include <ostream>
#include <string>
#include <vector>

namespace stillpoint {

// Runs `stillpoint ARGUMENTS...`. Returns 0 if it is done and everything is written to `out`; 1 after an
// error, explained on `err`; 2 for wrong usage; 130 (stopped_code) if a signal or a broken `out` stopped it
// and its progress is saved.
int run_command_line(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace stillpoint
