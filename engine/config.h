// Configurations: plain structs that list their fields once; the list reads JSON, writes it and prints help.
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/words.h"
#include "kernels/device/error.h"

namespace stillpoint {

using Json = nlohmann::ordered_json;

// The values that a field accepts.
struct Check {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool open_low = false;  // low itself is excluded
  std::vector<std::string> choices;
};
inline Check at_least(double low) { return {.low = low, .choices = {}}; }
inline Check between(double low, double high) { return {.low = low, .high = high, .choices = {}}; }
inline Check above(double low, double high) {
  return {.low = low, .high = high, .open_low = true, .choices = {}};
}
inline Check one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

// The largest settings are far above any use, but so small that no sum or product of three of them leaves
// int64: examples, steps and epochs; features, channels and hidden units; places of a sequence; factors.
inline constexpr double most_counted = 1e9, most_wide = 1e6, most_long = 1e7, most_factor = 1e6;
inline Check counted(double low = 1) { return between(low, most_counted); }
inline Check wide(double low = 1) { return between(low, most_wide); }
inline Check factor() { return above(0, most_factor); }

// Visitors for `template <class F> void fields(F& f) { f("epochs", epochs, "passes over the data",
// counted()); }` with fields of type bool, int64, double, string and path.

// How the values of an object are given: as JSON, or each as the string from the command line, which the type
// of its field interprets.
enum class Written { json, spelled };

// Overwrites the fields that a JSON object names. finish() throws for a key that no field took, and suggests
// a near name. `source` names the file or flag in errors.
class ConfigReader {
 public:
  ConfigReader(const Json& object, std::string source, Written values = Written::json);
  void operator()(const char* name, bool& value, const char* help, const Check& check = {});
  void operator()(const char* name, std::int64_t& value, const char* help, const Check& check = {});
  void operator()(const char* name, double& value, const char* help, const Check& check = {});
  void operator()(const char* name, std::string& value, const char* help, const Check& check = {});
  // The value is given as path_to_text makes it (engine/words.h).
  void operator()(const char* name, std::filesystem::path& value, const char* help, const Check& check = {});
  void finish() const;

 private:
  // Returns null if the object does not name it. Reads a spelled value as JSON if `text` is false.
  const Json* find(const char* name, bool text);
  [[noreturn]] void reject(const char* name, const Json& given, const std::string& expected) const;
  void check_range(const char* name, const Json& given, double value, const Check& check) const;
  const Json& object_;
  std::string source_;
  Written values_;
  Json read_;  // find()'s result for a spelled value
  std::vector<std::string> known_;
};

class ConfigWriter {
 public:
  template <class T>
  void operator()(const char* name, const T& value, const char*, const Check& = {}) {
    if constexpr (std::is_same_v<T, std::filesystem::path>)
      object[name] = path_to_text(value);
    else
      object[name] = value;
  }
  Json object = Json::object();
};

// Prints one aligned line per field: name, default, what it is, what it accepts.
class ConfigHelp {
 public:
  template <class T>
  void operator()(const char* name, const T& value, const char* help, const Check& check = {}) {
    ConfigWriter writer;
    writer(name, value, help);
    add(name, writer.object[name].dump(), help, check);
  }
  std::string text() const;

 private:
  void add(const std::string& name, const std::string& value, const std::string& help, const Check& check);
  std::vector<std::array<std::string, 3>> lines_;
};

template <class Config>
void read_config(Config& config, const Json& object, const std::string& source,
                 Written values = Written::json) {
  ConfigReader reader(object, source, values);
  config.fields(reader);
  reader.finish();
}
template <class Config>
Json write_config(const Config& config) {
  ConfigWriter writer;
  const_cast<Config&>(config).fields(writer);
  return writer.object;
}

// Returns the JSON of a file, or of a text from `source`. Throws Error, with line and column, if the text is
// not JSON, nests deeper than 64 levels or has a key twice in an object.
Json read_json_file(const std::filesystem::path& path);
Json parse_json(const std::string& text, const std::string& source);
// Returns a discarded value instead of throwing if the text is not JSON.
Json parse_json(const std::string& text);
// Returns the value, or null if it is not finite: JSON has neither NaN nor infinity.
Json number_or_null(double value);
// Return a member of a JSON object from `source`. Throw Error if it is missing or has another type.
const Json& member(const Json& object, const char* name, const std::string& source);
double number_of(const Json& object, const char* name, const std::string& source);
std::int64_t whole_number_of(const Json& object, const char* name, const std::string& source);
std::string string_of(const Json& object, const char* name, const std::string& source);
// Returns `key=value` as {"key": "value"}, for Written::spelled. Throws Error if there is no `=`.
Json parse_assignment(const std::string& assignment);

}  // namespace stillpoint
