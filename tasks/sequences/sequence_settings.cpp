// Reads and writes lists of names and numbers.
#include "tasks/sequences/sequence_settings.h"

#include <cmath>

#include "tasks/drawing/csv.h"
#include "tasks/io/numbers.h"

namespace stillpoint {

std::vector<std::string> parse_names(const std::string& text) {
  CsvRow names;
  CsvReader(text).next(names);
  return names;
}

std::string written_names(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i)
    list += text(i == 0 ? "" : ",", names[i].empty() ? "\"\"" : drawing::csv_quoted(names[i]));
  return list;
}

std::vector<double> parse_values(const char* setting, const std::string& text) {
  std::vector<double> values;
  for (const std::string& word : parse_names(text)) {
    values.push_back(0);
    require(read_number(word, values.back()) && std::isfinite(values.back()), setting, ": given '",
            shown(text), "', expected numbers between commas, as in 0.5,12, correct it");
  }
  return values;
}

std::string written_values(const std::vector<double>& values) {
  std::string list;
  for (const double value : values) list += text(list.empty() ? "" : ",", Json(value).dump());
  return list;
}

}  // namespace stillpoint
