// Checks pages and SVG files: tags nest, and nothing leaves a viewBox.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <regex>
#include <string>
#include <vector>

#include "kernels/device/error.h"
#include "tasks/drawing/lettering.h"

namespace stillpoint::test {

inline std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Returns what is wrong with the nesting of tags from `start` on, or "". Attributes must be in double quotes,
// as in XML.
inline std::string unbalanced(const std::string& markup, std::size_t start = 0) {
  static const std::regex tag(R"re(^<(/?)([a-z][a-z0-9]*)((?: [a-z][A-Za-z0-9-]*="[^"<]*")*)( /)?>)re",
                              std::regex::optimize);
  std::vector<std::string> open;
  for (std::size_t at = markup.find('<', start); at != std::string::npos; at = markup.find('<', at + 1)) {
    // Looks at a piece, because a data URI is too long for a regular expression.
    std::string piece = markup.substr(at, markup.find('>', at) - at + 1);
    piece = std::regex_replace(piece, std::regex("base64,[A-Za-z0-9+/=]*"), "");
    if (const std::size_t path = piece.find(" d=\""); path != std::string::npos)
      piece.erase(path, piece.find('"', path + 4) - path + 1);
    std::smatch match;
    if (!std::regex_search(piece, match, tag)) return "no tag: " + piece.substr(0, 80);
    const std::string name = match[2];
    if (match[1].length() == 0 && match[4].length() == 0) open.push_back(name);
    if (match[1].length() == 0) continue;
    if (open.empty() || open.back() != name)
      return "closes " + name + ", open: " + (open.empty() ? "" : open.back());
    open.pop_back();
  }
  return open.empty() ? "" : "left open: " + open.back();
}

// Returns an attribute of a tag as a number. Throws Error if it is missing or not a finite number.
inline double number_in(const std::string& tag, const std::string& attribute) {
  const std::size_t at = tag.find(" " + attribute + "=\"");
  require(at != tag.npos, "markup: given ", tag, ", expected ", attribute);
  const char* const begin = tag.c_str() + at + attribute.size() + 3;
  char* end = nullptr;
  const double value = std::strtod(begin, &end);
  require(*end == '"' && end != begin && value - value == 0, "markup: given ", tag, ", expected a number");
  return value;
}

// A point of a path, or a corner of another shape.
struct Corner {
  double x, y;
};

// Returns the points of path data with M, an implicit L after it, and l, h and v.
inline std::vector<Corner> corners_of_path(const std::string& data) {
  static const std::regex part(R"re(([MHlhvz]?)\s*(-?[0-9.]+)?(?: (-?[0-9.]+))?)re", std::regex::optimize);
  std::vector<Corner> corners;
  char command = 'M';
  for (std::sregex_iterator at(data.begin(), data.end(), part), end; at != end; ++at) {
    const std::smatch& found = *at;
    if (found[1].length() > 0) command = *found[1].first;
    if (!found[2].matched || command == 'z') continue;
    const double a = std::stod(found[2]), b = found[3].matched ? std::stod(found[3]) : 0;
    const Corner last = corners.empty() ? Corner{0, 0} : corners.back();
    corners.push_back(command == 'M'   ? Corner{a, b}
                      : command == 'H' ? Corner{a, last.y}
                      : command == 'l' ? Corner{last.x + a, last.y + b}
                      : command == 'h' ? Corner{last.x + a, last.y}
                                       : Corner{last.x, last.y + a});
  }
  return corners;
}

// Returns the corners of what a tag draws; `content` follows it.
inline std::vector<Corner> corners_of(const std::string& tag, const std::string& content) {
  const auto of = [&](const char* name) { return number_in(tag, name); };
  const auto is = [&](const char* name) { return tag.starts_with(name); };
  if (is("<circle"))
    return {{of("cx") - of("r"), of("cy") - of("r")}, {of("cx") + of("r"), of("cy") + of("r")}};
  if (is("<line")) return {{of("x1"), of("y1")}, {of("x2"), of("y2")}};
  if (is("<rect") && tag.find("100%") == tag.npos)
    return {{of("x"), of("y")}, {of("x") + of("width"), of("y") + of("height")}};
  if (is("<path")) {
    const std::size_t from = tag.find(" d=\"") + 4;
    return corners_of_path(tag.substr(from, tag.find('"', from) - from));
  }
  if (!is("<text")) return {};
  const double width = drawing::width_of(std::regex_replace(content, std::regex("&[a-z#0-9]+;"), "M"));
  const double left = of("x") - (tag.find("\"end\"") != tag.npos      ? width
                                 : tag.find("\"middle\"") != tag.npos ? width / 2
                                                                      : 0);
  return {{left, of("y") - 9}, {left + width, of("y") + 3}};
}

// Returns the first tag that draws outside of the svg element that it is in, or "".
inline std::string outside(const std::string& svg) {
  std::vector<std::vector<double>> boxes;  // x, y, width, height of the open svg elements
  for (std::size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
    const std::size_t end = svg.find('>', at);
    const std::string tag = svg.substr(at, end - at + 1),
                      content = svg.substr(end + 1, svg.find('<', end) - end - 1);
    if (tag == "</svg>") boxes.pop_back();
    if (tag.starts_with("<svg")) {
      std::istringstream box(tag.substr(tag.find("viewBox=\"") + 9));
      boxes.emplace_back(4);
      for (double& value : boxes.back()) box >> value;
    }
    for (const Corner& c : corners_of(tag, content)) {
      const std::vector<double>& box = boxes.back();
      constexpr double slack = 0.2;  // places are rounded
      if (!(c.x >= box[0] - slack && c.y >= box[1] - slack && c.x <= box[0] + box[2] + slack &&
            c.y <= box[1] + box[3] + slack))
        return text(tag, content, " has a corner at ", c.x, ", ", c.y);
    }
  }
  return "";
}

}  // namespace stillpoint::test
