// Reading spaces, and drawing from them.
#include "tasks/search/space.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "tasks/presets.h"

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
    require(std::find(known.begin(), known.end(), key) != known.end(), source, ": unknown key '",
            shown(key), "', expected one of ", join(known), did_you_mean(key, known));
}

bool is_interval(const Json& value) {
  return value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number();
}

Distribution read_draw(const std::string& name, const Json& json, const std::string& source) {
  const std::string how = json.is_object() && json.size() == 1 ? json.begin().key() : "";
  const Json of = how.empty() ? Json() : *json.begin();
  if (how == "choice") return Distribution::categorical(name, of);
  require((how == "uniform" || how == "log_uniform") && is_interval(of), source, ": given ", json.dump(),
          " for '", name,
          "', expected {\"uniform\": [low, high]}, {\"log_uniform\": [low, high]} or {\"choice\": [..]}, "
          "correct it");
  return Distribution::real(name, of[0].get<double>(), of[1].get<double>(), how == "log_uniform");
}

double drawn(const Distribution& d, std::mt19937_64& generator) {
  // In [0,1), of 53 bits: std::uniform_real_distribution is the library's own affair.
  const double u = double(generator() >> 11) * 0x1p-53;
  if (d.kind == Distribution::Kind::categorical) return std::floor(u * double(d.choices.size()));
  if (!d.log) return d.low + u * (d.high - d.low);
  return std::min(d.high, d.low * std::pow(d.high / d.low, u));
}

}  // namespace

std::vector<Parameter> SearchSpace::draw(std::uint64_t seed, Index number) const {
  std::seed_seq mixed{std::uint32_t(seed), std::uint32_t(seed >> 32), std::uint32_t(number),
                      std::uint32_t(std::uint64_t(number) >> 32)};
  std::mt19937_64 generator(mixed);
  std::vector<Parameter> out;
  for (const Draw& each : draws)
    out.push_back({each.name, each.distribution, drawn(each.distribution, generator)});
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
  const std::string direction =
      k.at("direction", &Json::is_string, "minimize or maximize").get<std::string>();
  require(direction == "minimize" || direction == "maximize", source, ": given direction '", direction,
          "', expected minimize or maximize, correct it");
  space.direction = direction == "minimize" ? Direction::minimize : Direction::maximize;
  space.trials = k.count("trials");
  space.asha = {.grace = k.count("grace"), .reduction = k.count("reduction"), .most = k.count("most")};
  space.asha.check();
  space.settings = k.at("settings", &Json::is_object, "an object of settings");
  for (const auto& [name, value] : k.at("draws", &Json::is_object, "an object of draws").items()) {
    require(!space.settings.contains(name), source, ": given '", name,
            "' among settings and draws, expected one of them, remove the other");
    space.draws.push_back({name, read_draw(name, value, source)});
  }
  require(!space.draws.empty(), source, ": given no draws, expected at least one setting to draw, add it");
  return space;
}

SearchSpace load_space(const std::string& name) { return read_space(load_space_file(name), "space " + name); }

Json settings_of(const std::vector<Parameter>& parameters) {
  Json out = Json::object();
  for (const Parameter& p : parameters) out[p.name] = p.value();
  return out;
}

}  // namespace stillpoint
