// Reads, checks and prints configurations.
#include "engine/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "engine/io/file_kind.h"
#include "engine/io/files.h"

namespace stillpoint {
namespace {

std::string describe(const Check& check) {
  if (!check.choices.empty()) return "one of " + join(check.choices);
  const bool low = std::isfinite(check.low), high = std::isfinite(check.high);
  if (low && high) return text("in ", check.open_low ? "(" : "[", check.low, ", ", check.high, "]");
  if (low) return text(check.open_low ? "> " : ">= ", check.low);
  return high ? text("<= ", check.high) : "";
}

bool fits(double value, const Check& check) {
  return std::isfinite(value) && value <= check.high &&
         (check.open_low ? value > check.low : value >= check.low);
}

// Shows only the kind of a nested value, because printing one would recurse as deeply as it nests.
std::string shown_value(const Json& value) {
  if (value.is_structured()) return value.is_array() ? "an array" : "an object";
  return shown(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// Refuses nesting that copying and printing, which recurse, could not bear, and keys that occur twice.
Json::parser_callback_t guard(const std::string& source) {
  return [source, open = std::vector<std::set<std::string>>()](int depth, Json::parse_event_t event,
                                                               Json& value) mutable {
    constexpr int deepest = 64;
    require(depth <= deepest, source, ": given arrays or objects in more than ", deepest,
            " levels, expected settings, correct the text");
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key)
      require(open.back().insert(value.get_ref<const std::string&>()).second, source, ": given the key '",
              shown(value.get_ref<const std::string&>()), "' twice, expected it once, remove one");
    return true;
  };
}

// Returns "line 1, column 8 ('}')" for the byte at which a parser stopped, counted from 1.
std::string place_in(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte > 0 ? byte - 1 : 0);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  const std::string rest = shown(text.substr(before.size(), 12));
  return stillpoint::text("line ", 1 + std::count(before.begin(), before.end(), '\n'), ", column ",
                          before.size() - line_start + 1, " (", rest.empty() ? "its end" : "'" + rest + "'",
                          ")");
}

}  // namespace

ConfigReader::ConfigReader(const Json& object, std::string source, Written values)
    : object_(object), source_(std::move(source)), values_(values) {
  require(object.is_object(), source_, ": given ", object.type_name(),
          ", expected a JSON object of settings, write {\"key\": value, ...}");
}

const Json* ConfigReader::find(const char* name, bool text) {
  known_.push_back(name);
  const auto found = object_.find(name);
  if (found == object_.end()) return nullptr;
  if (values_ == Written::json) return &*found;
  const std::string& spelled = found->get_ref<const std::string&>();
  read_ = text && !spelled.starts_with('"') ? Json(spelled) : parse_json(spelled);
  if (read_.is_discarded() || (text && !read_.is_string())) read_ = spelled;
  return &read_;
}

void ConfigReader::reject(const char* name, const Json& given, const std::string& expected) const {
  fail(source_, ": ", name, " is ", shown_value(given), ", expected ", expected, ", correct the value");
}

void ConfigReader::check_range(const char* name, const Json& given, double value, const Check& check) const {
  if (!fits(value, check)) reject(name, given, "a finite number " + describe(check));
}

void ConfigReader::operator()(const char* name, bool& value, const char*, const Check&) {
  const Json* const given = find(name, false);
  if (given == nullptr) return;
  if (!given->is_boolean()) reject(name, *given, "true or false");
  value = given->get<bool>();
}

void ConfigReader::operator()(const char* name, std::int64_t& value, const char*, const Check& check) {
  const Json* const given = find(name, false);
  if (given == nullptr) return;
  const bool whole =
      given->is_number_integer() || (given->is_number_float() && std::abs(given->get<double>()) < 9e15 &&
                                     std::floor(given->get<double>()) == given->get<double>());
  if (!whole) reject(name, *given, "a whole number");
  if (given->is_number_unsigned() &&
      given->get<std::uint64_t>() > std::uint64_t(std::numeric_limits<std::int64_t>::max()))
    reject(name, *given, "a whole number below 2^63");
  if (!fits(given->get<double>(), check)) reject(name, *given, "a whole number " + describe(check));
  value = given->is_number_float() ? std::int64_t(given->get<double>()) : given->get<std::int64_t>();
}

void ConfigReader::operator()(const char* name, double& value, const char*, const Check& check) {
  const Json* const given = find(name, false);
  if (given == nullptr) return;
  if (!given->is_number()) reject(name, *given, "a number");
  check_range(name, *given, given->get<double>(), check);
  value = given->get<double>();
}

void ConfigReader::operator()(const char* name, std::string& value, const char*, const Check& check) {
  const Json* const given = find(name, true);
  if (given == nullptr) return;
  if (!given->is_string()) reject(name, *given, "a string");
  const std::string& word = given->get_ref<const std::string&>();
  if (!is_utf8(word)) reject(name, *given, "UTF-8 text");
  if (!check.choices.empty() &&
      std::find(check.choices.begin(), check.choices.end(), word) == check.choices.end())
    reject(name, *given, describe(check) + did_you_mean(word, check.choices));
  value = word;
}

void ConfigReader::operator()(const char* name, std::filesystem::path& value, const char*, const Check&) {
  const Json* const given = find(name, true);
  if (given == nullptr) return;
  if (!given->is_string()) reject(name, *given, "a path as a string");
  const std::string& word = given->get_ref<const std::string&>();
  value = values_ == Written::spelled ? std::filesystem::path(word) : path_from_text(word);
}

void ConfigReader::finish() const {
  for (const auto& [key, value] : object_.items())
    if (std::find(known_.begin(), known_.end(), key) == known_.end())
      fail(source_, ": unknown setting '", shown(key), "', expected one of the settings that --help lists",
           did_you_mean(key, known_));
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

Json read_json_file(const std::filesystem::path& path) {
  constexpr std::uint64_t most = 1 << 26;
  const std::string bytes = read_file(path, most, InputFile::Kinds::pipes_of_the_caller);
  if (!Json::accept(bytes)) refuse_other_kind("JSON", path, bytes, "a JSON object of settings");
  return parse_json(bytes, path.string());
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json parse_json(const std::string& text, const std::string& source) {
  constexpr const char* rest = ", expected an object of settings, correct the text";
  try {
    return Json::parse(text, guard(source));
  } catch (const Json::parse_error& e) {
    fail(source, ": not valid JSON at ", place_in(text, e.byte), rest);
  } catch (const Json::exception&) {
    fail(source, ": not valid JSON, it holds a number beyond the range of float64", rest);
  }
}

Json parse_json(const std::string& text) { return Json::parse(text, guard("JSON"), false); }

const Json& member(const Json& object, const char* name, const std::string& source) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  require(found != object.end(), source, ": given no '", name,
          "', expected it in a file that this program wrote, use another file");
  return *found;
}

double number_of(const Json& object, const char* name, const std::string& source) {
  const Json& value = member(object, name, source);
  require(value.is_number(), source, ": its '", name, "' is ", shown_value(value),
          ", expected a number, use another file");
  return value.get<double>();
}

std::int64_t whole_number_of(const Json& object, const char* name, const std::string& source) {
  const Json& value = member(object, name, source);
  const bool fits =
      value.is_number_integer() && (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX);
  require(fits, source, ": its '", name, "' is ", shown_value(value),
          ", expected a whole number, use another file");
  return value.get<std::int64_t>();
}

std::string string_of(const Json& object, const char* name, const std::string& source) {
  const Json& value = member(object, name, source);
  require(value.is_string(), source, ": its '", name, "' is ", shown_value(value),
          ", expected a string, use another file");
  return value.get<std::string>();
}

Json parse_assignment(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  require(equals != std::string::npos && equals > 0, "--set: given '", shown(assignment),
          "', expected key=value, name the setting and its value");
  return {{assignment.substr(0, equals), assignment.substr(equals + 1)}};
}

}  // namespace stillpoint
