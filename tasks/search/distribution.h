// What a parameter of a search may be, as Optuna's storage writes it down.
#pragma once
#include <string>

#include "engine/config.h"

namespace stillpoint {

struct Distribution {
  enum class Kind { real, integer, categorical };
  Kind kind = Kind::real;
  double low = 0, high = 0;
  double step = 0;  // real: 0 for none; integer: at least 1
  bool log = false;
  Json choices = Json::array();  // of categorical

  // Error where the range is empty, or a step or logarithm does not fit it; `name` is the parameter's.
  static Distribution real(const std::string& name, double low, double high, bool log = false,
                           double step = 0);
  static Distribution integer(const std::string& name, std::int64_t low, std::int64_t high, bool log = false,
                              std::int64_t step = 1);
  static Distribution categorical(const std::string& name, Json choices);
  bool operator==(const Distribution& other) const = default;
};

// Byte for byte what Optuna stores.
std::string distribution_json(const Distribution& distribution);
// Error where it is none of FloatDistribution, IntDistribution and CategoricalDistribution.
Distribution read_distribution(const std::string& json, const std::string& parameter);
// Optuna keeps one parameter of a study to one kind, one use of the logarithm and the same choices; ranges
// may change.
bool compatible(const Distribution& a, const Distribution& b);

// A parameter's stored value is a number: itself, or the place among the choices.
bool contains(const Distribution& distribution, double stored);
Json external_value(const Distribution& distribution, double stored);
// Error where the value is of another type or outside the distribution.
double stored_value(const Distribution& distribution, const Json& external, const std::string& parameter);

}  // namespace stillpoint
