// Starts the program.
#include "tasks/command/cli.h"
#include "tasks/process/instruction_sets.h"

#define STILLPOINT_TEXT(macro) #macro
#define STILLPOINT_COMPILED_FOR(macro, name) STILLPOINT_TEXT(macro)[0] == '1',
constexpr bool stillpoint::compiled_for[] = {STILLPOINT_INSTRUCTION_SETS(STILLPOINT_COMPILED_FOR) false};

int main(int argc, char** argv) { return stillpoint::run_program(argc, argv); }
