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

// All that a main() does whose program has these commands, for the tasks of register_task() as well; nothing
// else may have started a thread before. Returns the exit code.
int run_program(int argc, char** argv);

}  // namespace stillpoint
