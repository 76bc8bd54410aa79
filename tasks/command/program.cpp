// Sets up signals, limits and floating point, and runs the command line.
#include <unistd.h>

#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>

#include "kernels/device/error.h"
#include "kernels/host/address_space.h"
#include "kernels/launch/subnormals.h"
#include "tasks/command/cli.h"
#include "tasks/command/console.h"
#include "tasks/process/interrupt.h"
#include "tasks/process/processes.h"

namespace stillpoint {
namespace {

// Prints without allocating memory.
void print(const char* words) noexcept {
  for (const char* part : {program_name().c_str(), ": ", words, "\n"})
    if (::write(STDERR_FILENO, part, std::strlen(part)) < 0) return;
}

// Handles exceptions that no caller could catch, for example on a thread of a library.
[[noreturn]] void end_with_words() noexcept {
  try {
    if (std::current_exception()) throw;
    print("ended by std::terminate without an exception; please report this");
  } catch (const std::exception& error) {
    const char* const words = constant_words(error);
    const bool ours = dynamic_cast<const Error*>(&error) != nullptr;
    print(words != nullptr ? words : ours ? error.what() : "ended by a fault of its own; please report this");
  } catch (...) {
    print("ended by an exception without words; please report this");
  }
  ::_exit(1);
}

}  // namespace

int run_program(int argc, char** argv) {
  std::set_terminate(end_with_words);
  take_signals();
  kernels::start_within_limits();
  kernels::flush_subnormals();
  if (argc > 0) program_name() = std::filesystem::path(argv[0]).filename().string();
  return run_command_line({argv + 1, argv + argc}, std::cout, std::cerr);
}

}  // namespace stillpoint
