// Finds the files of a data set, draws its parts, and settles what the settings left open.
#include "tasks/sequences/sequence_data.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/io/files.h"
#include "tasks/data/dataset.h"
#include "tasks/io/numbers.h"
#include "tasks/io/tables/npz.h"
#include "tasks/process/ranks.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<Index>;

constexpr std::uint64_t test_seed = 0;  // so that no run trains on another run's test sequences
constexpr std::size_t most_symbols = 4096;
constexpr const char* endings[] = {".csv", ".tsv", ".npy", ".npz"};

void append_file(const fs::path& path, const std::string& bytes, const std::string& part,
                 const SequenceSettings& settings, SequenceScan& scan) {
  append_sequences(shown(path_to_text(path)), bytes, path.extension() == ".tsv", part, settings, scan);
}

// Returns FOLDER/NAME.csv, or an empty path if it is in none of the formats.
fs::path file_in(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const std::string& name : names)
    for (const char* const ending : endings)
      if (const fs::path file = folder / (name + ending); fs::exists(file, ignored)) found.push_back(file);
  require(found.size() < 2, "data: given both ", found.empty() ? "" : found.front().string(), " and ",
          found.empty() ? "" : found.back().string(), ", expected one, remove the other");
  return found.empty() ? fs::path() : found[0];
}

// Appends a part, and returns its rows.
Rows append_part(const fs::path& path, const std::string& bytes, const std::string& part,
                 const SequenceSettings& settings, SequenceScan& scan) {
  Rows rows(std::size_t(scan.set.count()));
  append_file(path, bytes, part, settings, scan);
  const Index before = Index(rows.size());
  rows.resize(std::size_t(scan.set.count() - before));
  std::iota(rows.begin(), rows.end(), before);
  return rows;
}

// Takes a tenth of the rows away, and returns it.
Rows drawn(Rows& rows, std::uint64_t seed) {
  require(
      rows.size() >= 10, "data: given ", rows.size(),
      " sequences, a tenth of which would be drawn, expected at least 10; give more, or files train, valid "
      "and test in a folder");
  const Split split = split_rows(Index(rows.size()), seed);
  const auto take = [&](const Rows& places) {
    Rows taken;
    for (const Index place : places) taken.push_back(rows[std::size_t(place)]);
    return taken;
  };
  Rows away = take(split.valid);
  rows = take(split.train);
  return away;
}

void append_folder(const fs::path& path, SequenceData& data, SequenceScan& scan) {
  const fs::path train = file_in(path, {"train"}), valid = file_in(path, {"valid", "validation", "val"}),
                 test = file_in(path, {"test"});
  require(
      !train.empty(), "data: given the folder ", path.string(),
      " without train.csv, train.tsv, train.npy or train.npz, expected one, and the like for test; or name "
      "a file");
  data.train = append_part(train, read_file(train), "train", data.settings, scan);
  if (!valid.empty()) data.valid = append_part(valid, read_file(valid), "valid", data.settings, scan);
  if (!test.empty()) data.test = append_part(test, read_file(test), "test", data.settings, scan);
}

void append_whole(const fs::path& path, SequenceData& data, SequenceScan& scan) {
  const std::string bytes = read_file(path), where = shown(path_to_text(path));
  bool in_parts = false, has_valid = false;
  if (is_npz(bytes)) {
    const auto arrays = unpack_npz(where, bytes);
    in_parts = !arrays.contains("x") && arrays.contains("x_train");
    has_valid = arrays.contains("x_valid");
  }
  data.train = append_part(path, bytes, in_parts ? "train" : "", data.settings, scan);
  if (has_valid) data.valid = append_part(path, bytes, "valid", data.settings, scan);
  if (in_parts) data.test = append_part(path, bytes, "test", data.settings, scan);
}

// Sorts the words, and puts their new numbers into the values.
void sort_symbols(const char* kind, Symbols& symbols, std::vector<float>& values) {
  const std::vector<std::int32_t> numbers = symbols.sort();
  const std::vector<std::string>& words = symbols.words();
  require(words.size() >= 2, "data: given ", words.empty() ? "no " : "only the ", kind,
          words.empty() ? "" : text(" '", shown(words[0]), "'"),
          ", expected at least two, so that there is something to tell apart");
  require(words.size() <= most_symbols, "data: given ", words.size(), " different values as ", kind,
          ", expected at most ", most_symbols, "; set learn=value or input=numbers if they are numbers");
  for (float& value : values) value = float(numbers[std::size_t(value)]);
}

struct Moments {
  std::vector<double> mean, deviation;
};

// Computes the moments of each of `width` columns over rows [begin,end) of the sequences, without NaN. A
// column whose values are all the same has deviation 1.
Moments moments_of(const std::vector<float>& values, Index width,
                   const std::vector<std::pair<Index, Index>>& ranges) {
  std::vector<double> sum(std::size_t(width), 0), squares(sum), count(sum);
  Moments m{sum, sum};
  for (const bool second : {false, true}) {
    for (const auto& [begin, end] : ranges)
      for (Index i = begin * width; i < end * width; ++i) {
        const double value = values[std::size_t(i)];
        const std::size_t c = std::size_t(i % width);
        if (std::isnan(value)) continue;
        if (second)
          squares[c] += (value - m.mean[c]) * (value - m.mean[c]);
        else
          sum[c] += value, ++count[c];
      }
    for (std::size_t c = 0; c < sum.size(); ++c) {
      const double n = std::max(1.0, count[c]), deviation = std::sqrt(squares[c] / n);
      if (!second) m.mean[c] = sum[c] / n;
      if (second) m.deviation[c] = deviation > 1e-6 * std::abs(m.mean[c]) && deviation > 0 ? deviation : 1;
    }
  }
  return m;
}

std::string given_or(const std::string& given, const std::vector<double>& found) {
  return given.empty() ? written_values(found) : given;
}

void settle_numbers(SequenceData& data) {
  const SequenceSet& set = data.set;
  SequenceSettings& s = data.settings;
  std::vector<std::pair<Index, Index>> steps, rows;
  for (const Index row : data.train) {
    steps.emplace_back(set.begin(row), set.begin(row) + set.length(row));
    rows.emplace_back(row, row + 1);
  }
  if (!s.has_tokens()) {
    const Moments m = moments_of(set.x, set.channels, steps);
    const auto first = std::find_if(set.x.begin(), set.x.end(), [](float v) { return !std::isnan(v); });
    require(
        std::any_of(first, set.x.end(), [&](float v) { return v != *first && !std::isnan(v); }),
        "data: given sequences whose numbers are all the same, expected different ones, check the columns");
    s.mean = given_or(s.mean, m.mean);
    s.deviation = given_or(s.deviation, m.deviation);
  }
  if (s.learn == "value") {
    const Moments m = moments_of(set.y, set.targets, rows);
    s.target_mean = given_or(s.target_mean, m.mean);
    s.target_deviation = given_or(s.target_deviation, m.deviation);
  }
}

std::string listed(const std::vector<std::string>& words) {
  constexpr std::size_t most = 12;
  std::vector<std::string> some(words.begin(), words.begin() + std::ptrdiff_t(std::min(most, words.size())));
  return shown(join(some)) + (words.size() > most ? ", ..." : "");
}

std::string note_of(const SequenceData& data, const SequenceScan& scan) {
  const SequenceSet& set = data.set;
  Index shortest = set.length(0), longest = shortest, missing = 0;
  for (Index n = 0; n < set.count(); ++n) {
    shortest = std::min(shortest, set.length(n));
    longest = std::max(longest, set.length(n));
  }
  for (const float value : set.x) missing += std::isnan(value);
  const std::string& learn = data.settings.learn;
  return text("sequences of ", shortest == longest ? "" : text(shortest, " to "), longest,
              " steps, each with ",
              data.settings.has_tokens()
                  ? text("one of ", scan.tokens.words().size(), " tokens (", listed(scan.tokens.words()), ")")
                  : text(set.channels, set.channels == 1 ? " number" : " numbers"),
              missing > 0 ? text(", ", missing, " of which are missing") : "",
              learn == "class"
                  ? text("; ", scan.classes.words().size(), " classes (", listed(scan.classes.words()), ")")
                  : "",
              "; ", data.train.size(), " to train, ", data.valid.size(), " to validate, ", data.test.size(),
              " to test");
}

std::uint64_t digest_of(const SequenceSet& set) {
  std::uint64_t hash = empty_hash;
  const auto add = [&](const auto& values) {
    hash = hash_of({reinterpret_cast<const char*>(values.data()), values.size() * sizeof values[0]}, hash);
  };
  add(set.ends);
  add(set.x);
  add(set.y);
  return hash;
}

void require_every_class(const SequenceData& data, const Symbols& classes) {
  std::vector<Index> counts(classes.words().size(), 0);
  for (const Index row : data.train) ++counts[std::size_t(data.set.y[std::size_t(row)])];
  for (std::size_t c = 0; c < counts.size(); ++c)
    require(counts[c] > 0, "data: given no sequence of class '", shown(classes.words()[c]),
            "' to train on, expected at least one, add some or leave the class out");
}

SequenceScan scan_for(const SequenceSettings& settings, bool with_targets) {
  return {.tokens = {"token", parse_names(settings.tokens)},
          .classes = {"class", parse_names(settings.classes)},
          .with_targets = with_targets};
}

}  // namespace

SequenceData load_sequences(const fs::path& path, const SequenceSettings& settings, std::uint64_t seed,
                            bool retrain) {
  SequenceData data;
  data.settings = settings;
  SequenceScan scan = scan_for(settings, true);
  std::error_code ignored;
  (fs::is_directory(path, ignored) ? append_folder : append_whole)(path, data, scan);
  if (data.test.empty()) data.test = drawn(data.train, test_seed);
  if (data.valid.empty()) data.valid = drawn(data.train, seed);
  if (settings.has_tokens()) sort_symbols("token", scan.tokens, scan.set.x);
  if (settings.learn == "class") sort_symbols("class", scan.classes, scan.set.y);
  data.set = std::move(scan.set);
  data.digest = digest_of(data.set);
  if (retrain) data.train.insert(data.train.end(), data.valid.begin(), data.valid.end());
  data.note = note_of(data, scan);
  if (settings.learn == "class") require_every_class(data, scan.classes);
  data.settings.classes = written_names(scan.classes.words());
  data.settings.tokens = written_names(scan.tokens.words());
  if (!settings.id.empty()) data.settings.columns = written_names(scan.names);
  settle_numbers(data);
  return data;
}

SequenceSet load_inputs(const fs::path& file, const SequenceSettings& settings) {
  SequenceScan scan = scan_for(settings, false);
  append_file(file, read_file(file), "", settings, scan);
  return std::move(scan.set);
}

}  // namespace stillpoint
