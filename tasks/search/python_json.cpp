// Python's way of writing JSON.
#include "tasks/search/python_json.h"

#include <charconv>
#include <cmath>

namespace stillpoint {

std::string python_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char buffer[64];
  const auto written = [&](std::chars_format format) {
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr);
  };
  // repr has an exponent below 1e-4 and from 1e16 on.
  const double size = std::abs(value);
  if (size != 0 && (size < 1e-4 || size >= 1e16)) return written(std::chars_format::scientific);
  const std::string plain = written(std::chars_format::fixed);
  return plain.find('.') == std::string::npos ? plain + ".0" : plain;
}

std::string python_json(const Json& value) {
  std::string out;
  if (value.is_object()) {
    for (const auto& [key, item] : value.items())
      out += (out.empty() ? "" : ", ") + Json(key).dump(-1, ' ', true) + ": " + python_json(item);
    return "{" + out + "}";
  }
  if (value.is_array()) {
    for (const Json& item : value) out += (out.empty() ? "" : ", ") + python_json(item);
    return "[" + out + "]";
  }
  if (value.is_number_float()) return python_float(value.get<double>());
  return value.dump(-1, ' ', true);
}

Json read_python_json(const std::string& text, const std::string& what) {
  std::string plain;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted) {
      if (text[i] == '\\' && i + 1 < text.size()) plain += text[i++];
      plain += text[i];
      continue;
    }
    bool replaced = false;
    for (const std::string word : {"NaN", "-Infinity", "Infinity"})
      if (text.compare(i, word.size(), word) == 0) {
        plain += "null";
        i += word.size() - 1;
        replaced = true;
        break;
      }
    if (!replaced) plain += text[i];
  }
  Json value = parse_json(plain);
  require(!value.is_discarded(), what, ": given '", text.substr(0, 200),
          "', expected JSON; restore the study from a copy");
  return value;
}

}  // namespace stillpoint
