// What the compiler and the C library call when device code fails: assert and the stack protector.
#include <cstdio>
#include <cstdlib>

#include "machine/block.h"

using namespace simt;

namespace {

[[noreturn]] void end_program(const char* text) {
  std::fprintf(stderr, "%s\n", text);
  std::abort();
}

}  // namespace

extern "C" {

[[noreturn]] void __assert_fail(const char* expression, const char* file, unsigned line,
                                const char*) noexcept {
  watching = nullptr;
  const std::string text =
      "assertion `" + std::string(expression) + "` failed at " + describe({.file = file, .line = int(line)});
  if (!machine().running()) end_program(text.c_str());
  machine().break_off(Check::api, text, nullptr);
}

[[noreturn]] void __stack_chk_fail() {
  if (!machine().running()) end_program("*** stack smashing detected ***");
  watching = nullptr;
  machine().break_off(Check::bounds, "out of bounds: a local array of the thread was written past its end",
                      __builtin_return_address(0));
}

}  // extern "C"
