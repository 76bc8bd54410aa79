// Numbers words.
#include "tasks/sequences/sequence_set.h"

#include <algorithm>
#include <numeric>

#include "engine/words.h"
#include "kernels/device/error.h"
#include "tasks/io/numbers.h"

namespace stillpoint {

Symbols::Symbols(const char* kind, const std::vector<std::string>& known) : kind_(kind) {
  for (const std::string& word : known) {
    require(!numbers_.contains(word), kind, ": given '", shown(word),
            "' twice, expected it once, leave one out");
    of([&] { return std::string(kind); }, word);
  }
  closed_ = !known.empty();
}

std::int32_t Symbols::of(const Place& where, const std::string& word) {
  require(!word.empty(), where(), ": given no ", kind_, ", expected one, complete it");
  const auto found = numbers_.find(word);
  if (found != numbers_.end()) return found->second;
  require(!closed_, where(), ": given the ", kind_, " '", shown(word), "', expected one of the ",
          words_.size(), " that the model knows", did_you_mean(word, words_));
  numbers_.emplace(word, std::int32_t(words_.size()));
  words_.push_back(word);
  return std::int32_t(words_.size()) - 1;
}

std::vector<std::int32_t> Symbols::sort() {
  std::vector<double> values(words_.size());
  bool all_numbers = true;
  for (std::size_t i = 0; i < words_.size(); ++i)
    all_numbers = read_number(words_[i], values[i]) && values[i] == values[i] && all_numbers;
  std::vector<std::size_t> order(words_.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  if (!closed_)
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return all_numbers && values[a] != values[b] ? values[a] < values[b] : words_[a] < words_[b];
    });
  std::vector<std::string> words;
  std::vector<std::int32_t> numbers(words_.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    words.push_back(words_[order[i]]);
    numbers[order[i]] = numbers_[words.back()] = std::int32_t(i);
  }
  words_ = words;
  return numbers;
}

}  // namespace stillpoint
