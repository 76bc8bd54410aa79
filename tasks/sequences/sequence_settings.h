// How a file becomes sequences with targets.
#pragma once
#include <string>
#include <vector>

#include "engine/config.h"

namespace stillpoint {

// What is left open the data decide; a run then records what they decided, so that its model can be used
// without them, and on other data.
struct SequenceSettings {
  std::string learn = "class", label = {}, id = {}, columns = {};
  std::string input = "numbers", header = "auto", missing = "refuse";
  std::string classes = {}, tokens = {}, mean = {}, deviation = {}, target_mean = {}, target_deviation = {};

  template <class F>
  void fields(F& f) {
    f("learn", learn, "what a sequence is to give: its class, its value, or each next token",
      one_of({"class", "value", "next"}));
    f("label", label,
      "column of the class, or columns of the values, by name or number from 1; empty: label or target");
    f("id", id,
      "column whose equal values make rows the steps of one sequence; empty: a row is a sequence, its "
      "columns "
      "the steps");
    f("columns", columns, "columns to learn from, as in speed,height; empty: all others");
    f("input", input, "what the columns hold", one_of({"numbers", "tokens"}));
    f("header", header, "whether the first row has names; auto: if none of its cells is a number",
      one_of({"auto", "yes", "no"}));
    f("missing", missing,
      "numbers that are missing: refused, or 0 beside a channel that has 1 where a number is missing",
      one_of({"refuse", "mask"}));
    f("classes", classes, "classes by label, as in down,up; empty: all, sorted");
    f("tokens", tokens, "tokens by number, as in a,b,c; empty: all, sorted");
    f("mean", mean, "of each channel; empty: of the training sequences");
    f("deviation", deviation, "standard deviation of each channel; empty: of the training sequences");
    f("value_mean", target_mean, "of each value to learn; empty: of the training sequences");
    f("value_deviation", target_deviation,
      "standard deviation of each value to learn; empty: of the training sequences");
  }
  bool has_tokens() const { return input == "tokens"; }
};

// "down,up" -> two names, which may have quotes as in CSV; none if the text is empty.
std::vector<std::string> parse_names(const std::string& text);
std::string written_names(const std::vector<std::string>& names);
// "0.5,1e3" -> two numbers; none if the text is empty. Throws Error, with the setting, if one is no number.
std::vector<double> parse_values(const char* setting, const std::string& text);
std::string written_values(const std::vector<double>& values);

}  // namespace stillpoint
