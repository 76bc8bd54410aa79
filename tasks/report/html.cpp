// Escaping, base64 and tags.
#include "tasks/report/html.h"

#include <cstddef>
#include <cstdint>

namespace stillpoint::report {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

// Bytes of the UTF-8 character that the text begins with; 0 where it begins with none that XML allows.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return std::uint32_t(static_cast<unsigned char>(text[i])); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length) return 0;
  std::uint32_t code = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};  // below it the encoding is overlong
  const bool surrogate = code >= 0xd800 && code <= 0xdfff, noncharacter = code == 0xfffe || code == 0xffff;
  return code < least[length] || code > 0x10ffff || surrogate || noncharacter ? 0 : length;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    switch (text[0]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += length == 0 ? replacement : text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

HtmlWriter::Element::~Element() {
  writer_.html_ += "</";
  writer_.html_ += name_;
  writer_.html_ += ">\n";
}

void HtmlWriter::start(std::string_view name, const Attributes& attributes) {
  html_ += '<';
  html_ += name;
  for (const auto& [key, value] : attributes) {
    html_ += ' ';
    html_ += key;
    html_ += "=\"" + escaped(value) + '"';
  }
}

HtmlWriter::Element HtmlWriter::open(std::string_view name, const Attributes& attributes) {
  start(name, attributes);
  html_ += '>';
  return Element(*this, name);
}

void HtmlWriter::leaf(std::string_view name, std::string_view content, const Attributes& attributes) {
  const Element element = open(name, attributes);
  text(content);
}

void HtmlWriter::empty(std::string_view name, const Attributes& attributes) {
  start(name, attributes);
  html_ += " />\n";
}

void HtmlWriter::text(std::string_view content) { html_ += escaped(content); }

}  // namespace stillpoint::report
