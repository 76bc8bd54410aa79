// Reading, checking and printing configurations.
#include "engine/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/files.h"

namespace stillpoint {
namespace {

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t(0));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min(std::min(above, row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = above;
    }
  }
  return row.back();
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string describe(const Check& check) {
  if (!check.choices.empty()) return "one of " + join(check.choices);
  const bool low = std::isfinite(check.low), high = std::isfinite(check.high);
  if (low && high) return text("in [", check.low, ", ", check.high, "]");
  if (low) return text(check.open_low ? "> " : ">= ", check.low);
  return high ? text("<= ", check.high) : "";
}

// Nested values are named alone, since printing one would recurse as deep as it does.
std::string shown(const Json& value) {
  if (value.is_structured()) return value.is_array() ? "an array" : "an object";
  return value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 200);
}

bool is_utf8(const std::string& word) {
  try {
    Json(word).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

// Copying and printing a value recurse: no settings need more levels.
bool is_shallow(int depth, Json::parse_event_t, const Json&) {
  constexpr int deepest = 64;
  require(depth <= deepest, "JSON: given arrays or objects in more than ", deepest,
          " levels, expected settings, correct the text");
  return true;
}

}  // namespace

std::string nearest_name(const std::string& name, const std::vector<std::string>& known) {
  constexpr std::size_t longest = 64;  // more of a name that is none tells no more, and costs its length
  const std::string start = name.substr(0, longest);
  std::string best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(start, candidate);
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

ConfigReader::ConfigReader(const Json& object, std::string source)
    : object_(object), source_(std::move(source)) {
  require(object.is_object(), source_, ": given ", object.type_name(),
          ", expected a JSON object of settings, write {\"key\": value, ...}");
}

const Json* ConfigReader::find(const char* name) {
  known_.push_back(name);
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

void ConfigReader::reject(const char* name, const Json& given, const std::string& expected) const {
  fail(source_, ": ", name, " is ", shown(given), ", expected ", expected, ", correct the value");
}

void ConfigReader::check_range(const char* name, const Json& given, double value, const Check& check) const {
  const bool fits = std::isfinite(value) && value <= check.high &&
                    (check.open_low ? value > check.low : value >= check.low);
  if (!fits) reject(name, given, "a finite number " + describe(check));
}

void ConfigReader::operator()(const char* name, bool& value, const char*, const Check&) {
  const Json* const given = find(name);
  if (given == nullptr) return;
  if (!given->is_boolean()) reject(name, *given, "true or false");
  value = given->get<bool>();
}

void ConfigReader::operator()(const char* name, std::int64_t& value, const char*, const Check& check) {
  const Json* const given = find(name);
  if (given == nullptr) return;
  const bool whole =
      given->is_number_integer() || (given->is_number_float() && std::abs(given->get<double>()) < 9e15 &&
                                     std::floor(given->get<double>()) == given->get<double>());
  if (!whole) reject(name, *given, "a whole number");
  if (given->is_number_unsigned() &&
      given->get<std::uint64_t>() > std::uint64_t(std::numeric_limits<std::int64_t>::max()))
    reject(name, *given, "a whole number below 2^63");
  check_range(name, *given, given->get<double>(), check);
  value = given->is_number_float() ? std::int64_t(given->get<double>()) : given->get<std::int64_t>();
}

void ConfigReader::operator()(const char* name, double& value, const char*, const Check& check) {
  const Json* const given = find(name);
  if (given == nullptr) return;
  if (!given->is_number()) reject(name, *given, "a number");
  check_range(name, *given, given->get<double>(), check);
  value = given->get<double>();
}

void ConfigReader::operator()(const char* name, std::string& value, const char*, const Check& check) {
  const Json* const given = find(name);
  if (given == nullptr) return;
  if (!given->is_string()) reject(name, *given, "a string");
  const std::string word = given->get<std::string>();
  if (!is_utf8(word)) reject(name, *given, "UTF-8 text");
  if (!check.choices.empty() &&
      std::find(check.choices.begin(), check.choices.end(), word) == check.choices.end())
    reject(name, *given, describe(check));
  value = word;
}

void ConfigReader::finish() const {
  for (const auto& [key, value] : object_.items())
    require(std::find(known_.begin(), known_.end(), key) != known_.end(), source_, ": unknown setting '", key,
            "', expected one of the settings that --help lists, did you mean '", nearest_name(key, known_),
            "'?");
}

void ConfigHelp::add(const std::string& name, const std::string& value, const std::string& help,
                     const Check& check) {
  const std::string accepts = describe(check);
  lines_.push_back({name, value, help + (accepts.empty() ? "" : " (" + accepts + ")")});
}

std::string ConfigHelp::text() const {
  std::size_t name_width = 0, value_width = 0;
  for (const auto& [name, value, help] : lines_) {
    name_width = std::max(name_width, name.size());
    value_width = std::max(value_width, value.size());
  }
  std::string out;
  for (const auto& [name, value, help] : lines_)
    out += "  " + name + std::string(name_width - name.size() + 2, ' ') + value +
           std::string(value_width - value.size() + 2, ' ') + help + "\n";
  return out;
}

Json read_json_file(const std::string& path) {
  const std::string bytes = read_file(path);
  try {
    return Json::parse(bytes, is_shallow);
  } catch (const nlohmann::json::exception& e) {
    fail(path, ": not valid JSON (", e.what(), "), expected an object of settings, correct the file");
  }
}

Json parse_json(const std::string& text) { return Json::parse(text, is_shallow, false); }

Json parse_assignment(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  require(equals != std::string::npos && equals > 0, "--set: given '", assignment,
          "', expected key=value, name the setting and its value");
  const std::string value = assignment.substr(equals + 1);
  const Json parsed = parse_json(value);
  Json object = Json::object();
  object[assignment.substr(0, equals)] = parsed.is_discarded() ? Json(value) : parsed;
  return object;
}

}  // namespace stillpoint
