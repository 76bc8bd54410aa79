// The messages of a command that fails.
#pragma once
#include <exception>
#include <ostream>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace stillpoint {

// Returns an exception's message in the project's words, also for those of the standard library and nlohmann.
std::string explained(const std::exception& error);

// Both report on `err` and return the exit code: 1 for an error, 2 for wrong usage.
int tell(const std::exception& error, std::ostream& err);
int usage_error(const CLI::App& app, const CLI::ParseError& error, std::ostream& err);

}  // namespace stillpoint
