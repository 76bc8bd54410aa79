// Distributions of parameters: checks, and Optuna's JSON.
#include "tasks/search/distribution.h"

#include <cmath>

#include "tasks/search/python_json.h"

namespace stillpoint {

namespace {

void check_range(const std::string& name, const Distribution& d) {
  const std::string range = text("parameter '", name, "': given ", d.low, "..", d.high);
  require(std::isfinite(d.low) && std::isfinite(d.high) && d.low <= d.high, range,
          ", expected finite low <= high; change the space");
  require(!d.log || d.low > 0, range, " on a logarithmic scale, expected low > 0; raise it");
  const double plain_step = d.kind == Distribution::Kind::integer ? 1 : 0;
  require(!d.log || d.step == plain_step, range, " on a logarithmic scale with step ", d.step,
          ", expected no step; drop one of the two");
  require(std::isfinite(d.step) && d.step >= plain_step, range, " with step ", d.step,
          ", expected a positive step; change it");
  const double steps = d.step == 0 ? 0 : (d.high - d.low) / d.step;
  require(std::abs(steps - std::round(steps)) < 1e-8, range, " with step ", d.step,
          ", expected a whole number of steps; use high = ", d.low + std::floor(steps) * d.step);
}

Json integer_or_fail(double value, const std::string& parameter) {
  require(value == std::round(value) && std::abs(value) < 9e15, "parameter '", parameter, "': given ", value,
          ", expected an integer");
  return std::int64_t(value);
}

const Json& attribute(const Json& attributes, const char* key, const std::string& parameter,
                      const std::string& json) {
  const auto found = attributes.find(key);
  require(found != attributes.end(), "parameter '", parameter, "': given '", json,
          "', expected a distribution with '", key, "'; restore the study from a copy");
  return *found;
}

}  // namespace

Distribution Distribution::real(const std::string& name, double low, double high, bool log, double step) {
  Distribution d{.kind = Kind::real, .low = low, .high = high, .step = step, .log = log};
  check_range(name, d);
  return d;
}

Distribution Distribution::integer(const std::string& name, std::int64_t low, std::int64_t high, bool log,
                                   std::int64_t step) {
  Distribution d{
      .kind = Kind::integer, .low = double(low), .high = double(high), .step = double(step), .log = log};
  integer_or_fail(d.low, name);
  integer_or_fail(d.high, name);
  check_range(name, d);
  return d;
}

Distribution Distribution::categorical(const std::string& name, Json choices) {
  require(choices.is_array() && !choices.empty(), "parameter '", name, "': given ", choices.dump(),
          ", expected a list of choices; name at least one");
  return {.kind = Kind::categorical, .choices = std::move(choices)};
}

std::string distribution_json(const Distribution& d) {
  Json attributes = Json::object();
  const char* name = "CategoricalDistribution";
  if (d.kind == Distribution::Kind::real) {
    name = "FloatDistribution";
    attributes = {
        {"step", d.step == 0 ? Json() : Json(d.step)}, {"low", d.low}, {"high", d.high}, {"log", d.log}};
  } else if (d.kind == Distribution::Kind::integer) {
    name = "IntDistribution";
    attributes = {{"log", d.log},
                  {"step", std::int64_t(d.step)},
                  {"low", std::int64_t(d.low)},
                  {"high", std::int64_t(d.high)}};
  } else {
    attributes["choices"] = d.choices;
  }
  return python_json({{"name", name}, {"attributes", attributes}});
}

Distribution read_distribution(const std::string& json, const std::string& parameter) {
  const Json object = read_python_json(json, "parameter '" + parameter + "'");
  require(object.is_object(), "parameter '", parameter, "': given '", json,
          "', expected a distribution; restore the study from a copy");
  const Json& name = attribute(object, "name", parameter, json);
  const Json& attributes = attribute(object, "attributes", parameter, json);
  const auto get = [&](const char* key) -> const Json& {
    return attribute(attributes, key, parameter, json);
  };
  try {
    if (name == "CategoricalDistribution") return Distribution::categorical(parameter, get("choices"));
    const double low = get("low").get<double>(), high = get("high").get<double>();
    const bool log = get("log").get<bool>();
    const double step = get("step").is_null() ? 0 : get("step").get<double>();
    if (name == "FloatDistribution") return Distribution::real(parameter, low, high, log, step);
    if (name == "IntDistribution")
      return Distribution::integer(parameter, integer_or_fail(low, parameter),
                                   integer_or_fail(high, parameter), log, integer_or_fail(step, parameter));
  } catch (const Json::exception&) {
    fail("parameter '", parameter, "': given '", json,
         "', expected numbers for low, high and step; restore the study from a copy");
  }
  fail("parameter '", parameter, "': given ", name.dump(),
       ", expected FloatDistribution, IntDistribution or CategoricalDistribution; use a study of the current "
       "Optuna");
}

bool compatible(const Distribution& a, const Distribution& b) {
  return a.kind == b.kind && a.log == b.log && a.choices == b.choices;
}

bool contains(const Distribution& d, double stored) {
  if (d.kind == Distribution::Kind::categorical)
    return stored == std::floor(stored) && stored >= 0 && stored < double(d.choices.size());
  if (!(stored >= d.low && stored <= d.high)) return false;
  if (d.step == 0) return true;
  const double steps = (stored - d.low) / d.step;
  return std::abs(steps - std::round(steps)) < 1e-8;
}

Json external_value(const Distribution& d, double stored) {
  if (d.kind == Distribution::Kind::real) return stored;
  if (d.kind == Distribution::Kind::integer) return std::int64_t(stored);
  require(contains(d, stored), "parameter: given place ", stored, " among ", d.choices.size(),
          " choices; restore the study from a copy");
  return d.choices[std::size_t(stored)];
}

double stored_value(const Distribution& d, const Json& external, const std::string& parameter) {
  if (d.kind == Distribution::Kind::categorical) {
    for (std::size_t i = 0; i < d.choices.size(); ++i)
      if (d.choices[i] == external) return double(i);
    fail("parameter '", parameter, "': given ", external.dump(), ", expected one of ", d.choices.dump(),
         "; change it or the space");
  }
  const bool number = external.is_number();
  require(number && contains(d, external.get<double>()), "parameter '", parameter, "': given ",
          external.dump(), ", expected ", d.kind == Distribution::Kind::integer ? "an integer" : "a number",
          " in ", d.low, "..", d.high, d.step == 0 ? "" : text(" by steps of ", d.step),
          "; change it or the space");
  return external.get<double>();
}

}  // namespace stillpoint
