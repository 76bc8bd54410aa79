// Adds up the widths of letters, and breaks text into lines.
#include "tasks/drawing/lettering.h"

#include <algorithm>

#include "engine/words.h"

namespace stillpoint::drawing {
namespace {

// Returns the share of the size that a letter is wide.
double share_of(std::string_view letter) {
  if (letter.size() == 2) return 0.68;                          // Latin and Greek letters, the middle dot
  if (letter.size() > 2) return letter[0] == '\xe2' ? 0.7 : 1;  // punctuation and superscripts; others
  const auto among = [&](const char* few) { return std::string_view(few).find(letter) != std::string::npos; };
  return among("iIjlft.,:;|!'()[] /")      ? 0.42
         : among("mMwW%@")                 ? 1
         : among("ABCDEFGHKLNOPQRSTUVXYZ") ? 0.75
                                           : 0.64;
}

std::size_t letter_length(std::string_view text) { return std::max<std::size_t>(1, utf8_length(text)); }

// Returns how many bytes of the word fit into the width, at least one letter.
std::size_t fitting(std::string_view word, double width, double size) {
  std::size_t end = letter_length(word);
  for (double used = width_of(word.substr(0, end), size); end < word.size();) {
    const std::size_t length = letter_length(word.substr(end));
    used += size * share_of(word.substr(end, length));
    if (used > width) break;
    end += length;
  }
  return end;
}

}  // namespace

double width_of(std::string_view text, double size) {
  double width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = letter_length(text.substr(at));
    width += size * share_of(text.substr(at, length));
    at += length;
  }
  return width;
}

std::vector<std::string> wrapped(std::string_view text, double width, double size) {
  constexpr std::string_view spaces = " \t\r\n";
  std::vector<std::string> lines;
  std::string line;
  while (text.find_first_not_of(spaces) != text.npos) {
    text.remove_prefix(text.find_first_not_of(spaces));
    std::string_view word = text.substr(0, text.find_first_of(spaces));
    text.remove_prefix(word.size());
    const std::string longer = line + (line.empty() ? "" : " ") + std::string(word);
    if (width_of(longer, size) <= width) {
      line = longer;
      continue;
    }
    if (!line.empty()) lines.push_back(line);
    for (; width_of(word, size) > width; word.remove_prefix(lines.back().size()))
      lines.emplace_back(word.substr(0, fitting(word, width, size)));
    line = word;
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

}  // namespace stillpoint::drawing
