// What a flag accepts. CLI11's own conversions saturate, read octal and let NaN through every range.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace stillpoint {

// For option->transform(): the whole text is one number of the range, which replaces it in plain digits.
CLI::Validator whole_number(std::int64_t low, std::int64_t high = std::numeric_limits<std::int64_t>::max());
// Finite, in [low, high], or in (low, high] where low is `open`.
CLI::Validator number(double low, double high, bool open = false);
CLI::Validator choice(std::vector<std::string> names);

// Error where one of `flags`, or any flag but one, was given: with `what` it would do nothing.
void refuse_others(const CLI::App& app, const std::string& but, const std::string& what);
void refuse_idle(const CLI::App& app, const std::vector<std::string>& flags, const std::string& what);

}  // namespace stillpoint
