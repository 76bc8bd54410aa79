// Writes escaped text, base64 and tags.
#include "tasks/drawing/html.h"

#include <cstddef>
#include <cstdint>

#include "engine/words.h"

namespace stillpoint::drawing {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

// Returns the bytes of the UTF-8 character at the beginning of the text, or 0 if XML does not allow it.
std::size_t character_length(std::string_view text) {
  const std::size_t length = utf8_length(text);
  if (length == 1) return text[0] >= 0x20 || text[0] == '\t' || text[0] == '\n' || text[0] == '\r' ? 1 : 0;
  const bool noncharacter = text.starts_with("\xef\xbf\xbe") || text.starts_with("\xef\xbf\xbf");
  return noncharacter ? 0 : length;
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

}  // namespace stillpoint::drawing
