// Starts the program: sets up signals, limits and floating point, and runs the command line.
#include <unistd.h>

#include <cstring>
#include <exception>
#include <iostream>

#include "kernels/device/error.h"
#include "kernels/host/address_space.h"
#include "kernels/launch/subnormals.h"
#include "tasks/command/cli.h"
#include "tasks/command/console.h"
#include "tasks/process/instruction_sets.h"
#include "tasks/process/interrupt.h"

#define STILLPOINT_TEXT(macro) #macro
#define STILLPOINT_COMPILED_FOR(macro, name) STILLPOINT_TEXT(macro)[0] == '1',
constexpr bool stillpoint::compiled_for[] = {STILLPOINT_INSTRUCTION_SETS(STILLPOINT_COMPILED_FOR) false};

namespace {

// Prints without allocating memory.
void print(const char* words) noexcept {
  for (const char* part : {"stillpoint: ", words, "\n"})
    if (::write(STDERR_FILENO, part, std::strlen(part)) < 0) return;
}

// Handles exceptions that no caller could catch, for example on a thread of a library.
[[noreturn]] void end_with_words() noexcept {
  try {
    if (std::current_exception()) throw;
    print("ended by std::terminate without an exception; please report this");
  } catch (const std::exception& error) {
    const char* const words = stillpoint::constant_words(error);
    const bool ours = dynamic_cast<const stillpoint::Error*>(&error) != nullptr;
    print(words != nullptr ? words : ours ? error.what() : "ended by a fault of its own; please report this");
  } catch (...) {
    print("ended by an exception without words; please report this");
  }
  ::_exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(end_with_words);
  stillpoint::take_signals();
  stillpoint::kernels::start_within_limits();
  stillpoint::kernels::flush_subnormals();
  return stillpoint::run_command_line({argv + 1, argv + argc}, std::cout, std::cerr);
}
