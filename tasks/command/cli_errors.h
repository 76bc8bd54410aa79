// What a command that fails says.
#pragma once
#include <exception>
#include <ostream>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace stillpoint {

// An exception in the project's words: of the standard library's and of nlohmann's own, too.
std::string explained(const std::exception& error);

// Both write to `err` and return the exit code: 1 for an error, 2 for wrong usage.
int tell(const std::exception& error, std::ostream& err);
int usage_error(const CLI::App& app, const CLI::ParseError& error, std::ostream& err);

}  // namespace stillpoint
