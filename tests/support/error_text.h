// Catches an expected error and matches words in its message.
#pragma once
#include <string>
#include <vector>

#include "kernels/device/error.h"
#include "tests/support/catch.h"

namespace stillpoint {

// Returns the message of the Error that f throws; fails the test if it throws none.
template <class F>
std::string error_text(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  FAIL_CHECK("expected an Error, none was thrown");
  return "";
}

#if __has_include(<catch2/catch_all.hpp>)
using StringMatcherBase = Catch::Matchers::MatcherBase<std::string>;
#else
using StringMatcherBase = Catch::MatcherBase<std::string>;
#endif

// Matches a text that contains every one of the words.
class Mentions : public StringMatcherBase {
 public:
  explicit Mentions(std::vector<std::string> words) : words_(std::move(words)) {}
  bool match(const std::string& message) const override {
    for (const std::string& word : words_)
      if (message.find(word) == std::string::npos) return false;
    return true;
  }
  std::string describe() const override {
    std::string out = "mentions";
    for (const std::string& word : words_) out += " \"" + word + "\"";
    return out;
  }

 private:
  std::vector<std::string> words_;
};
template <class... Words>
Mentions mentions(const Words&... words) {
  return Mentions({std::string(words)...});
}

}  // namespace stillpoint
