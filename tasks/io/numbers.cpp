// Formats numbers.
#include "tasks/io/numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "kernels/device/error.h"

namespace stillpoint {
namespace {

std::string printed(const char* format, auto... values) {
  std::array<char, 400> buffer;  // a double has up to 309 digits before its point
  std::snprintf(buffer.data(), buffer.size(), format, values...);
  return buffer.data();
}

std::string superscript(int exponent) {
  static const char* const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = exponent < 0 ? "⁻" : "";
  for (const char c : std::to_string(std::abs(exponent))) out += digits[c - '0'];
  return out;
}

template <class Number>
bool read_whole(std::string_view text, Number& value) {
  const char* const end = text.data() + text.size();
  Number found{};
  const auto [stop, error] = std::from_chars(text.data(), end, found);
  if (error != std::errc() || stop != end) return false;
  value = found;
  return true;
}

}  // namespace

bool read_number(std::string_view text, double& value) { return read_whole(text, value); }
bool read_number(std::string_view text, std::int64_t& value) { return read_whole(text, value); }

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds > 1e9) return "years";
  const auto s = static_cast<long long>(std::llround(seconds));
  if (s < 60) return printed("%lld s", s);
  if (s < 3600) return printed("%lld:%02lld", s / 60, s % 60);
  if (s < 86400) return printed("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  return printed("%lld d %02lld:%02lld", s / 86400, s / 3600 % 24, s / 60 % 60);
}

std::string format_rate(double per_second) {
  if (!std::isfinite(per_second)) return printed("%g", per_second);
  // From these limits on, three digits round up to the next unit.
  if (per_second >= 999.5e3) return format_digits(per_second / 1e6, 3) + "M";
  if (per_second >= 999.5) return format_digits(per_second / 1e3, 3) + "k";
  if (per_second >= 9.95) return format_fixed(per_second, 0);
  return format_fixed(per_second, per_second >= 0.995 ? 1 : 2);
}

std::string format_fixed(double value, int decimals) { return printed("%.*f", decimals, value); }

std::string format_scientific(double value, int digits) { return printed("%.*e", digits - 1, value); }

std::string format_digits(double value, int digits) {
  std::string number = printed("%#.*g", digits, value);
  if (number.back() == '.') number.pop_back();
  return number;
}

std::string grouped(long long number) { return typeset(std::to_string(number)); }

std::string typeset(std::string number) {
  const std::string sign = number.starts_with('-') ? "−" : "";
  if (!sign.empty()) number.erase(0, 1);
  const std::size_t exponent = number.find('e');
  if (exponent == number.npos) {
    const std::size_t point = std::min(number.find('.'), number.size());
    for (std::size_t at = point; at > 3; at -= 3) number.insert(at - 3, 1, ',');
    return sign + number;
  }
  const int power = std::atoi(number.c_str() + exponent + 1);
  number.resize(exponent);
  if (number.find('.') != number.npos) number.erase(number.find_last_not_of('0') + 1);
  if (number.back() == '.') number.pop_back();
  return text(sign, number == "1" ? "" : number + "·", "10", superscript(power));
}

std::string readable(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (value == std::round(value) && size < 1e9) return grouped(static_cast<long long>(value));
  return typeset(size >= 1e3 && size < 1e6 ? format_fixed(value, 0) : format_digits(value));
}

}  // namespace stillpoint
