// Configurations: plain structs that list their fields once; the list reads JSON, writes it and prints help.
#pragma once
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/error.h"

namespace stillpoint {

using Json = nlohmann::ordered_json;

// What a field accepts.
struct Check {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool open_low = false;  // low itself is excluded
  std::vector<std::string> choices;
};
inline Check at_least(double low) { return {.low = low, .choices = {}}; }
inline Check positive() { return {.low = 0, .open_low = true, .choices = {}}; }
inline Check between(double low, double high) { return {.low = low, .high = high, .choices = {}}; }
inline Check one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

// The name among `known` that is nearest to `name` by edit distance.
std::string nearest_name(const std::string& name, const std::vector<std::string>& known);

// Visitors for `template <class F> void fields(F& f) { f("epochs", epochs, "passes over the data", at_least(1)); }`
// with fields of type bool, int64, double and string.

// Overwrites the fields that a JSON object names. finish() throws for a key that no field took, with the nearest
// name. `source` names the file or flag in errors.
class ConfigReader {
 public:
  ConfigReader(const Json& object, std::string source);
  void operator()(const char* name, bool& value, const char* help, const Check& check = {});
  void operator()(const char* name, std::int64_t& value, const char* help, const Check& check = {});
  void operator()(const char* name, double& value, const char* help, const Check& check = {});
  void operator()(const char* name, std::string& value, const char* help, const Check& check = {});
  void finish() const;

 private:
  const Json* find(const char* name);
  [[noreturn]] void reject(const char* name, const Json& given, const std::string& expected) const;
  void check_range(const char* name, const Json& given, double value, const Check& check) const;
  const Json& object_;
  std::string source_;
  std::vector<std::string> known_;
};

class ConfigWriter {
 public:
  template <class T>
  void operator()(const char* name, const T& value, const char*, const Check& = {}) {
    object[name] = value;
  }
  Json object = Json::object();
};

// One aligned line per field: name, default, what it is, what it accepts.
class ConfigHelp {
 public:
  template <class T>
  void operator()(const char* name, const T& value, const char* help, const Check& check = {}) {
    add(name, Json(value).dump(), help, check);
  }
  std::string text() const;

 private:
  void add(const std::string& name, const std::string& value, const std::string& help, const Check& check);
  std::vector<std::array<std::string, 3>> lines_;
};

template <class Config>
void read_config(Config& config, const Json& object, const std::string& source) {
  ConfigReader reader(object, source);
  config.fields(reader);
  reader.finish();
}
template <class Config>
Json write_config(const Config& config) {
  ConfigWriter writer;
  const_cast<Config&>(config).fields(writer);
  return writer.object;
}

// A file's JSON; Error, with line and column, where it is none or nests deeper than 64 levels.
Json read_json_file(const std::string& path);
// Discarded where the text is not JSON; Error where it nests too deep for what reads it.
Json parse_json(const std::string& text);
// `key=value` as {"key": value}: value is JSON where it parses, else a string. Error without `=`.
Json parse_assignment(const std::string& assignment);

}  // namespace stillpoint
