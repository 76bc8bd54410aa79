// Reads and writes lists of numbers and names, and computes moments.
#include "tasks/data/pictures/picture_values.h"

#include <charconv>
#include <cmath>
#include <set>

#include "engine/words.h"
#include "kernels/device/error.h"
#include "tasks/io/numbers.h"

namespace stillpoint {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> words(1);
  for (const char c : text)
    if (c == separator)
      words.emplace_back();
    else
      words.back() += c;
  return words;
}

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

}  // namespace

PictureSize parse_size(const std::string& text) {
  if (text.empty()) return {};
  constexpr Index most = 16384;
  const std::vector<std::string> words = split(text, 'x');
  PictureSize size;
  const bool good = words.size() <= 2 && read_number(words.front(), size.height) &&
                    read_number(words.back(), size.width) && size.height >= 1 && size.width >= 1 &&
                    size.height <= most && size.width <= most;
  require(good, "size: given '", shown(text), "', expected HEIGHTxWIDTH, each from 1 to ", most,
          ", as in 32x48, or one number for both, correct it");
  return size;
}

std::vector<double> parse_numbers(const char* setting, const std::string& text, Index count) {
  std::vector<double> values;
  if (text.empty()) return values;
  const bool positive = std::string(setting) == "deviation";
  for (const std::string& word : split(text, ',')) {
    double value = 0;
    const bool good = read_number(word, value) && std::isfinite(value) && (!positive || value > 0);
    require(good, setting, ": given '", shown(text), "', expected numbers ", positive ? "above 0 " : "",
            "between commas, as in 0.49,0.48,0.45, correct it");
    values.push_back(value);
  }
  require(Index(values.size()) == count, setting, ": given ", values.size(), " numbers, expected ", count,
          ", one per channel, correct it or set colours");
  return values;
}

std::string written_numbers(const std::vector<double>& values) {
  std::string list;
  for (const double value : values) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    list += (list.empty() ? "" : ",") + std::string(digits, end);
  }
  return list;
}

std::vector<std::string> parse_classes(const std::string& text) {
  if (text.empty()) return {};
  std::vector<std::string> names = split(text, '/');
  const std::set<std::string> different(names.begin(), names.end());
  require(different.size() == names.size() && !different.contains(""), "classes: given '", shown(text),
          "', expected different names with a slash between each two, as in cat/dog, correct it");
  return names;
}

std::string written_classes(const std::vector<std::string>& classes) {
  std::string list;
  for (const std::string& name : classes) list += (list.empty() ? "" : "/") + name;
  return list;
}

void PictureMoments::add(const std::uint8_t* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    sum_ += bytes[i];
    squares_ += std::uint64_t(bytes[i]) * bytes[i];
  }
  count_ += count;
}

double PictureMoments::mean() const {
  return count_ == 0 ? 0 : rounded(double(sum_) / (255 * double(count_)));
}

double PictureMoments::deviation() const {
  if (count_ == 0) return 0;
  const double n = double(count_), mean = double(sum_) / n, variance = double(squares_) / n - mean * mean;
  return rounded(std::sqrt(std::max(0.0, variance)) / 255);
}

}  // namespace stillpoint
