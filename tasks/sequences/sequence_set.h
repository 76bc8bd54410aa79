// Sequences of any lengths with their targets, one after the other, and how they are gathered from files.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint {

// Returns the place of a value, for an error.
using Place = std::function<std::string()>;

// Words and their numbers, in the order in which they came.
class Symbols {
 public:
  Symbols() = default;
  // No other words are known then; `kind` is what errors call them.
  Symbols(const char* kind, const std::vector<std::string>& known);

  // Returns the number of the word, which it adds if all words are welcome. Throws Error if it
  // is empty or not known.
  std::int32_t of(const Place& where, const std::string& word);
  const std::vector<std::string>& words() const { return words_; }
  // Sorts the words: by value if all are numbers, by bytes otherwise. Returns the new number of each.
  std::vector<std::int32_t> sort();

 private:
  const char* kind_ = "word";
  bool closed_ = false;
  std::vector<std::string> words_;
  std::map<std::string, std::int32_t> numbers_;
};

struct SequenceSet {
  Index channels = 0, targets = 0;  // of a step, of a sequence
  std::vector<Index> ends = {};     // of each sequence, in steps of all
  std::vector<float> x = {};        // (steps,channels): numbers, NaN where one is missing, or tokens
  std::vector<float> y = {};        // (sequences,targets): numbers or classes

  Index count() const { return Index(ends.size()); }
  Index begin(Index sequence) const { return sequence == 0 ? 0 : ends[std::size_t(sequence - 1)]; }
  Index length(Index sequence) const { return ends[std::size_t(sequence)] - begin(sequence); }
};

// A set that grows, with the words that its numbers stand for.
struct SequenceScan {
  SequenceSet set = {};
  Symbols tokens = {}, classes = {};
  std::vector<std::string> names = {};  // of the channels, if the file names them
  bool with_targets = true;             // false: files need not have targets, and none are read
};

}  // namespace stillpoint
