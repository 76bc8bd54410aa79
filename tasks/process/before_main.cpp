// Runs before any constructor of this program or of a library. It is compiled for every processor of the
// family, and calls only the system.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "tasks/process/instruction_sets.h"

namespace stillpoint {
namespace {

// Opens closed standard streams: a file that is opened later would get such a stream's number, and its text.
void open_standard_streams() {
  for (int stream = 0; stream <= 2; ++stream)
    if (::fcntl(stream, F_GETFD) == -1 && errno == EBADF && ::open("/dev/null", O_RDWR) < 0) ::_exit(1);
}

void write_error(const char* words) {
  // If this fails too, nobody is left to read a report.
  if (::write(STDERR_FILENO, words, std::strlen(words)) < 0) return;
}

#if defined(__x86_64__)
struct InstructionSet {
  const char* name;
  bool (*is_there)();
};
#define STILLPOINT_ASK(macro, name) {name, [] { return __builtin_cpu_supports(name) != 0; }},
constexpr InstructionSet instruction_sets[] = {STILLPOINT_INSTRUCTION_SETS(STILLPOINT_ASK)};

void check_processor() {
  __builtin_cpu_init();
  bool complete = true;
  for (std::size_t i = 0; i < std::size(instruction_sets); ++i) {
    if (!compiled_for[i] || instruction_sets[i].is_there()) continue;
    write_error(
        complete ? "stillpoint: this program was compiled for a newer processor than this one, which lacks "
                 : ", ");
    write_error(instruction_sets[i].name);
    complete = false;
  }
  if (complete) return;
  write_error(
      "; build it on this machine (-DSTILLPOINT_NATIVE=OFF makes a program for every processor with AVX2)\n");
  ::_exit(1);
}
#else
void check_processor() {}
#endif

void before_main() {
  open_standard_streams();
  check_processor();
}

// The dynamic linker calls the functions of this section before the first constructor.
[[gnu::used, gnu::section(".preinit_array")]] void (*const entry)() = before_main;

}  // namespace
}  // namespace stillpoint
