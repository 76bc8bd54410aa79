// Checks the values of flags. CLI11's own conversions saturate, read octal and let NaN through every range.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace stillpoint {

// For option->transform(): accepts a text that is one number of the range, and replaces it by plain digits.
CLI::Validator whole_number(std::int64_t low, std::int64_t high = std::numeric_limits<std::int64_t>::max());
// Accepts a finite number in [low, high], or in (low, high] if low is `open`.
CLI::Validator number(double low, double high, bool open = false);
CLI::Validator choice(std::vector<std::string> names);

// Throw Error if any flag except `but`, or one of `flags`, was given: it would do nothing with `what`.
void refuse_others(const CLI::App& app, const std::string& but, const std::string& what);
void refuse_idle(const CLI::App& app, const std::vector<std::string>& flags, const std::string& what);

}  // namespace stillpoint
