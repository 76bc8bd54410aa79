// Reads and checks search spaces.
#include "tasks/search/space.h"

#include <algorithm>
#include <cmath>

#include "tasks/settings/presets.h"

namespace stillpoint {
namespace {

struct Kinds {
  const Json& object;
  const std::string& source;

  const Json& at(const char* key, bool (Json::*is)() const noexcept, const char* expected) const {
    require(object.contains(key) && (object.at(key).*is)(), source, ": given ",
            object.contains(key) ? "another" : "no", " value of '", key, "', expected ", expected,
            ", write it down");
    return object.at(key);
  }
  Index count(const char* key) const {
    return at(key, &Json::is_number_integer, "a whole number").get<Index>();
  }
};

void require_known(const Json& object, const std::vector<std::string>& known, const std::string& source) {
  for (const auto& [key, value] : object.items())
    require(std::find(known.begin(), known.end(), key) != known.end(), source, ": unknown key '", shown(key),
            "', expected one of ", join(known), did_you_mean(key, known));
}

bool is_interval(const Json& value) {
  return value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number();
}

// Throws Error if the draw is of an unknown kind, or its interval is empty.
void check_draw(const std::string& name, const Json& json, const std::string& source) {
  const std::string how = json.is_object() && json.size() == 1 ? json.begin().key() : "";
  const Json of = how.empty() ? Json() : *json.begin();
  if (how == "choice" && of.is_array() && !of.empty()) return;
  require((how == "uniform" || how == "log_uniform") && is_interval(of), source, ": given ", json.dump(),
          " for '", name,
          "', expected {\"uniform\": [low, high]}, {\"log_uniform\": [low, high]} or {\"choice\": [..]}, "
          "correct it");
  const double low = of[0].get<double>(), high = of[1].get<double>();
  require(std::isfinite(low) && std::isfinite(high) && low <= high && (how == "uniform" || low > 0), source,
          ": given ", json.dump(), " for '", name, "', expected finite low <= high",
          how == "uniform" ? "" : " and low > 0", ", correct it");
}

}  // namespace

void SearchSpace::check_rungs() const {
  require(grace >= 1 && most >= grace, "asha: given a grace period of ", grace, " and at most ", most,
          " evaluations, expected 1 <= grace <= most, change one of them");
  require(reduction >= 2, "asha: given a reduction factor of ", reduction, ", expected at least 2, raise it");
}

Json SearchSpace::first_draw() const {
  Json out = Json::object();
  for (const auto& [name, draw] : draws.items()) out[name] = draw.begin()->front();
  return out;
}

SearchSpace read_space(const Json& json, const std::string& source) {
  require(json.is_object(), source, ": given ", json.type_name(),
          ", expected an object, write a search space");
  require_known(json, {"metric", "direction", "trials", "grace", "reduction", "most", "settings", "draws"},
                source);
  const Kinds k{json, source};
  SearchSpace space;
  space.metric = k.at("metric", &Json::is_string, "a metric's name").get<std::string>();
  space.direction = k.at("direction", &Json::is_string, "minimize or maximize").get<std::string>();
  require(space.direction == "minimize" || space.direction == "maximize", source, ": given direction '",
          space.direction, "', expected minimize or maximize, correct it");
  space.trials = k.count("trials");
  space.grace = k.count("grace");
  space.reduction = k.count("reduction");
  space.most = k.count("most");
  space.check_rungs();
  space.settings = k.at("settings", &Json::is_object, "an object of settings");
  space.draws = k.at("draws", &Json::is_object, "an object of draws");
  for (const auto& [name, draw] : space.draws.items()) {
    require(!space.settings.contains(name), source, ": given '", name,
            "' among settings and draws, expected one of them, remove the other");
    check_draw(name, draw, source);
  }
  require(!space.draws.empty(), source, ": given no draws, expected at least one setting to draw, add it");
  return space;
}

SearchSpace load_space(const std::string& name) { return read_space(load_space_file(name), "space " + name); }

}  // namespace stillpoint
