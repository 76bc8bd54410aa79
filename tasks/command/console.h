// The last words to the user: messages when memory is short, and a check that all output was written.
#pragma once
#include <exception>
#include <ostream>

namespace stillpoint {

// Returns the message for missing memory or threads without allocating any, or null for other errors.
const char* constant_words(const std::exception& error) noexcept;

// Returns the exit code of a command that wrote to `out`, standard output: `code`, but never 0 if output was
// lost. Reports the loss on `err`, except if the reader itself has closed the pipe.
int exit_code(int code, std::ostream& out, std::ostream& err);

}  // namespace stillpoint
