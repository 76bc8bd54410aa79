// Measures edit distances, escapes text and quotes words.
#include "engine/words.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "kernels/device/error.h"

namespace stillpoint {
namespace {

// Counts insertions, deletions, replacements and exchanges of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1), above, before;  // for i, i - 1 and i - 2 letters of a
  std::iota(row.begin(), row.end(), std::size_t(0));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

std::string hex(char byte) {
  constexpr char digits[] = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  return {digits[value >> 4], digits[value & 15]};
}

// Returns whether it is C0, DEL, C1 or a character that reverses the direction of a line.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  if (character.size() == 2) return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
  return character.starts_with("\xe2\x80\xaa") || character.starts_with("\xe2\x80\xab") ||
         character.starts_with("\xe2\x80\xad") || character.starts_with("\xe2\x80\xae") ||
         character.starts_with("\xe2\x81\xa6") || character.starts_with("\xe2\x81\xa7") ||
         character.starts_with("\xe2\x81\xa8") || character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9";
}

// Takes the next character from the text and returns its displayable form.
std::string take_shown(std::string_view& text) {
  const std::size_t length = std::max<std::size_t>(1, utf8_length(text));
  const bool plain = utf8_length(text) > 0 && !is_control(text.substr(0, length));
  const std::string_view character = text.substr(0, length);
  text.remove_prefix(length);
  if (plain) return std::string(character);
  if (character == "\n") return "\\n";
  if (character == "\t") return "\\t";
  std::string out;
  for (const char byte : character) out.append("\\x").append(hex(byte));
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) out += take_shown(text);
  return out;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
}

}  // namespace

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  constexpr std::size_t longest = 64;  // a longer name has no near one, and the distance costs its length
  if (name.size() > longest) return "";
  std::string best;
  std::size_t least = longest;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate),
                      most = std::max<std::size_t>(1, std::max(name.size(), candidate.size()) / 3);
    if (distance > most || distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best.empty() ? "" : text(", did you mean '", best, "'?");
}

std::string shown(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return escaped(text);
  const std::size_t start = longest / 3 * 2, end = longest - start;
  return stillpoint::text(escaped(text.substr(0, start)), "...[", text.size() - longest, " bytes more]...",
                          escaped(text.substr(text.size() - end)));
}

std::string shown_message(std::string_view message) {
  constexpr std::size_t longest_word = 1000, longest = 16000;
  std::string out;
  while (!message.empty() && out.size() < longest) {
    const std::size_t length = std::min(message.find_first_of(" \n"), message.size());
    out += shown(message.substr(0, length), longest_word);
    message.remove_prefix(length);
    if (message.empty()) break;
    const bool breaks = message[0] == '\n' && (message.size() == 1 || message.substr(1).starts_with("  "));
    out += message[0] == ' ' || breaks ? std::string(1, message[0]) : "\\n";
    message.remove_prefix(1);
  }
  return message.empty() ? out : text(out, "...[", message.size(), " bytes more]");
}

std::string shell_quoted(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
  if (escaped(word) == word) {
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
  }
  std::string out = "$'";
  while (!word.empty()) {
    const char c = word[0];
    const std::size_t before = word.size();
    const std::string next = take_shown(word);
    // \xNN takes exactly two digits, so that a digit may follow.
    out += before - word.size() == 1 && (c == '\'' || c == '\\') ? std::string{'\\', c} : next;
  }
  return out + "'";
}

std::string shell_path(const std::filesystem::path& path) {
  const std::string& name = path.native();
  return name.starts_with('-') ? shell_quoted(std::string("./").append(name)) : shell_quoted(name);
}

std::string shell_command(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : " ").append(shell_quoted(word));
  return out;
}

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return std::uint32_t(static_cast<unsigned char>(text[i])); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length) return 0;
  std::uint32_t code = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};  // below it the encoding is overlong
  return code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string path_to_text(const std::filesystem::path& path) {
  std::string out;
  for (std::string_view rest = path.native(); !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    if (length > 0)
      out += rest.substr(0, length);
    else
      out.append(1, '\0').append(hex(rest[0]));
    rest.remove_prefix(std::max<std::size_t>(1, length));
  }
  return out;
}

std::filesystem::path path_from_text(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\0') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1, low = high < 0 ? -1 : digit(text[i + 2]);
    require(high >= 8 && low >= 0, "path: given '", shown(text),
            "', in which U+0000 stands before no byte, expected two hexadecimal digits of at least 80 there, "
            "correct the path");
    out += char(16 * high + low);
    i += 2;
  }
  return out;
}

}  // namespace stillpoint
