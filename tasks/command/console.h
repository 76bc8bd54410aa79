// What the user is told last: words for an error when memory is short, and whether the output has reached its
// place.
#pragma once
#include <exception>
#include <ostream>

namespace stillpoint {

// What to say where memory or threads are what is missing, without taking any; null for other errors.
const char* constant_words(const std::exception& error) noexcept;

// The exit code of a command that wrote to `out`, standard output: `code`, but never 0 where something of it
// was lost, which is said on `err`. A reader that has left knows, and is told nothing.
int exit_code(int code, std::ostream& out, std::ostream& err);

}  // namespace stillpoint
