// Converts and checks the values of flags.
#include "tasks/command/cli_values.h"

#include <algorithm>
#include <cmath>

#include "engine/words.h"
#include "kernels/device/error.h"
#include "tasks/io/numbers.h"

namespace stillpoint {
namespace {

std::string refusal(const std::string& given, const std::string& expected) {
  return "given '" + shown(given) + "', expected " + expected + ", correct the value";
}

}  // namespace

CLI::Validator whole_number(std::int64_t low, std::int64_t high) {
  const bool bounded = high < std::numeric_limits<std::int64_t>::max();
  const std::string range = bounded ? text("in [", low, ", ", high, "]") : text("from ", low, " to 2^63 - 1");
  return {[=](std::string& given) {
            std::int64_t value = 0;
            if (!read_number(given, value) || value < low || value > high)
              return refusal(given, "a whole number " + range);
            given = std::to_string(value);
            return std::string();
          },
          range};
}

CLI::Validator number(double low, double high, bool open) {
  const std::string range = text("in ", open ? "(" : "[", low, ", ", high, "]");
  return {[=](std::string& given) {
            double value = 0;
            const bool fits = read_number(given, value) && std::isfinite(value) && value <= high &&
                              (open ? value > low : value >= low);
            return fits ? std::string() : refusal(given, "a finite number " + range);
          },
          range};
}

CLI::Validator choice(std::vector<std::string> names) {
  const std::string known = "one of " + join(names);
  return {[=](std::string& given) {
            if (std::find(names.begin(), names.end(), given) != names.end()) return std::string();
            return refusal(given, known + did_you_mean(given, names));
          },
          known};
}

void refuse_idle(const CLI::App& app, const std::vector<std::string>& flags, const std::string& what) {
  for (const std::string& flag : flags)
    require(app.count(flag) == 0, flag, ": given with ", what,
            ", where it would do nothing, expected it only if it has an effect, leave it out");
}

void refuse_others(const CLI::App& app, const std::string& but, const std::string& what) {
  for (const CLI::Option* option : app.get_options())
    if (option->count() > 0 && !option->check_name(but)) refuse_idle(app, {option->get_name()}, what);
}

}  // namespace stillpoint
