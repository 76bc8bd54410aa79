// JSON in the form in which Python's json module writes it, and with the numbers that it adds.
#pragma once
#include <string>

#include "engine/config.h"

namespace stillpoint {

// ", " and ": " between things, other characters than ASCII as \uXXXX, reals as Python's repr, NaN and
// Infinity bare.
std::string python_json(const Json& value);
// Bare NaN, Infinity and -Infinity, which no JSON reader takes, become null. Error where the rest is not
// JSON; `what` names it.
Json read_python_json(const std::string& text, const std::string& what);

// Python's repr of a real: the shortest digits that read back as the same number.
std::string python_float(double value);

}  // namespace stillpoint
