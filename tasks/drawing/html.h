// Writes HTML that is also XML: every element is closed, and every text and attribute value is escaped.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stillpoint::drawing {

// Writes & < > " and ' as entities, control characters and bytes that are not UTF-8 as U+FFFD.
std::string escaped(std::string_view text);
std::string base64(std::string_view bytes);

using Attributes = std::vector<std::pair<std::string_view, std::string>>;

class HtmlWriter {
 public:
  // An open element. Its destructor closes it, so that elements nest as scopes do.
  class Element {
   public:
    Element(HtmlWriter& writer, std::string_view name) : writer_(writer), name_(name) {}
    Element(const Element&) = delete;
    Element& operator=(const Element&) = delete;
    ~Element();

   private:
    HtmlWriter& writer_;
    std::string name_;
  };

  [[nodiscard]] Element open(std::string_view name, const Attributes& attributes = {});
  void leaf(std::string_view name, std::string_view text, const Attributes& attributes = {});
  void empty(std::string_view name, const Attributes& attributes = {});  // <name ... />
  void text(std::string_view text);
  // Adds HTML without escaping. Use it only for constants of this program, never for the contents of a file.
  void raw(std::string_view html) { html_ += html; }
  const std::string& html() const { return html_; }

 private:
  void start(std::string_view name, const Attributes& attributes);
  std::string html_;
};

}  // namespace stillpoint::drawing
