// Groups the cells of a table by sequence.
#include "tasks/sequences/sequence_table.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/words.h"
#include "tasks/io/numbers.h"
#include "tasks/io/tables/csv_reader.h"

namespace stillpoint {
namespace {

using Columns = std::vector<std::size_t>;

// The row of a table.
class Cells {
 public:
  virtual ~Cells() = default;
  virtual std::size_t size() const = 0;
  virtual bool empty(std::size_t column) const = 0;
  virtual std::string word(std::size_t column) const = 0;
  // Returns NaN if the number is missing, and nothing if the cell holds something else.
  virtual std::optional<double> number(std::size_t column) const = 0;
};

std::string_view trimmed(std::string_view word) {
  const std::size_t begin = std::min(word.size(), word.find_first_not_of(" \t"));
  word.remove_prefix(begin);
  return word.substr(0, word.find_last_not_of(" \t") + 1);
}

std::optional<double> number_in(std::string_view cell) {
  const std::string_view word = trimmed(cell);
  double value = NAN;
  if (word.empty() || word == "NA" || read_number(word, value)) return value;
  return std::nullopt;
}

class TextCells : public Cells {
 public:
  CsvRow row;
  std::size_t size() const override { return row.size(); }
  bool empty(std::size_t c) const override { return trimmed(row[c]).empty(); }
  std::string word(std::size_t c) const override { return std::string(trimmed(row[c])); }
  std::optional<double> number(std::size_t c) const override { return number_in(row[c]); }
};

class ArrayCells : public Cells {
 public:
  explicit ArrayCells(const NpyView& array) : array_(array) {}
  Index row = 0;
  std::size_t size() const override { return std::size_t(array_.shape()[1]); }
  bool empty(std::size_t) const override { return false; }
  std::string word(std::size_t c) const override { return word_of(at(c)); }
  std::optional<double> number(std::size_t c) const override { return at(c); }

 private:
  double at(std::size_t c) const { return array_[row * array_.shape()[1] + Index(c)]; }
  const NpyView& array_;
};

class TableScan {
 public:
  TableScan(std::string where, std::vector<std::string> names, const SequenceSettings& settings,
            SequenceScan& scan);
  void add(const Cells& cells);
  void end();

 private:
  struct Growing {
    std::vector<float> x, y;
  };
  std::optional<std::size_t> find(const std::string& name) const;
  std::size_t column(const std::string& setting, const std::string& name) const;
  Columns targets() const;
  std::string place(std::size_t column) const {
    return text(where_, ": row ", row_, ", column ", shown(names_[column]));
  }
  void add_step(const Cells& cells, std::size_t column, std::vector<float>& x);
  std::vector<float> targets_of(const Cells& cells);
  void append(const Growing& sequence);

  std::string where_;
  std::vector<std::string> names_;
  const SequenceSettings& settings_;
  SequenceScan& scan_;
  std::optional<std::size_t> id_;
  Columns targets_, inputs_;
  Index row_ = 0;  // from 1, without the names
  std::vector<Growing> growing_;
  std::map<std::string, std::size_t> places_;
};

TableScan::TableScan(std::string where, std::vector<std::string> names, const SequenceSettings& settings,
                     SequenceScan& scan)
    : where_(std::move(where)), names_(std::move(names)), settings_(settings), scan_(scan) {
  if (!settings.id.empty()) id_ = column("id", settings.id);
  if (settings.learn != "next") targets_ = targets();
  std::vector<std::string> wanted = parse_names(settings.columns);
  if (wanted.empty() && id_) wanted = scan.names;
  for (const std::string& name : wanted) inputs_.push_back(column("columns", name));
  for (std::size_t c = 0; wanted.empty() && c < names_.size(); ++c)
    if (c != id_ && std::find(targets_.begin(), targets_.end(), c) == targets_.end()) inputs_.push_back(c);
  require(!inputs_.empty(), where_,
          ": given no column to learn from, expected at least one beside target and id");
  require(!id_ || !settings.has_tokens() || inputs_.size() == 1, where_, ": given ", inputs_.size(),
          " columns of tokens, expected one, name it by columns=NAME");
  const Index channels = id_ ? Index(inputs_.size()) : 1;
  scan.set.channels = channels;
  if (scan.with_targets) scan.set.targets = Index(targets_.size());
  if (id_ && scan.names.empty())
    for (const std::size_t c : inputs_) scan.names.push_back(names_[c]);
}

std::optional<std::size_t> TableScan::find(const std::string& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end()) return std::size_t(found - names_.begin());
  std::int64_t number = 0;
  if (read_number(name, number) && number >= 1 && number <= Index(names_.size()))
    return std::size_t(number - 1);
  return std::nullopt;
}

std::size_t TableScan::column(const std::string& setting, const std::string& name) const {
  const std::optional<std::size_t> found = find(name);
  require(found.has_value(), where_, ": given ", setting, " '", shown(name),
          "', expected one of the columns ", shown(join(names_)), did_you_mean(name, names_));
  return *found;
}

Columns TableScan::targets() const {
  Columns found;
  for (const std::string& name : parse_names(settings_.label)) {
    const std::optional<std::size_t> at = find(name);
    if (scan_.with_targets || at) found.push_back(at ? *at : column("label", name));
  }
  for (const char* const usual : {"label", "target"})
    if (settings_.label.empty() && found.empty() && find(usual)) found.push_back(*find(usual));
  if (!scan_.with_targets) return found;
  require(!found.empty(), where_, ": given no column label or target among ", shown(join(names_)),
          ", expected the targets, name their column by label=NAME");
  require(settings_.learn == "value" || found.size() == 1, "label: given ", found.size(),
          " columns, expected one with the class, name one or set learn=value");
  return found;
}

void TableScan::add_step(const Cells& cells, std::size_t c, std::vector<float>& x) {
  const auto where = [this, c] { return place(c); };
  if (settings_.has_tokens()) {
    x.push_back(float(scan_.tokens.of(where, cells.word(c))));
    return;
  }
  const std::optional<double> value = cells.number(c);
  if (!value)
    fail(where(), ": given '", shown(cells.word(c)),
         "', expected a number; correct it, set header=yes if it is a name, or input=tokens");
  x.push_back(step_number(where, *value, settings_));
}

std::vector<float> TableScan::targets_of(const Cells& cells) {
  std::vector<float> y;
  for (const std::size_t c : targets_) {
    const auto where = [this, c] { return place(c); };
    if (cells.empty(c)) return {};
    y.push_back(settings_.learn == "class" ? float(scan_.classes.of(where, cells.word(c)))
                                           : target_number(where, cells.number(c).value_or(NAN)));
  }
  return y;
}

void TableScan::add(const Cells& cells) {
  ++row_;
  require(cells.size() == names_.size(), where_, ": given row ", row_, " with ", cells.size(),
          " cells, expected ", names_.size(), " as in the first row, complete it");
  Growing own;
  std::size_t place_of = 0;
  if (id_) {
    place_of = places_.try_emplace(cells.word(*id_), growing_.size()).first->second;
    if (place_of == growing_.size()) growing_.emplace_back();
  }
  Growing& sequence = id_ ? growing_[place_of] : own;
  std::size_t steps = inputs_.size();
  if (!id_)
    while (steps > 0 && cells.empty(inputs_[steps - 1])) --steps;
  require(steps > 0, where_, ": given row ", row_, " without a step, expected at least one, remove the row");
  for (std::size_t i = 0; i < steps; ++i) add_step(cells, inputs_[i], sequence.x);
  if (scan_.with_targets && !targets_.empty()) {
    const std::vector<float> y = targets_of(cells);
    require(y.empty() || sequence.y.empty() || y == sequence.y, where_, ": given row ", row_,
            " with another target than the rows of its sequence before, expected the same, correct it");
    if (!y.empty()) sequence.y = y;
  }
  if (!id_) append(sequence);
}

void TableScan::append(const Growing& sequence) {
  SequenceSet& set = scan_.set;
  require(Index(sequence.y.size()) == set.targets, where_, ": given ",
          id_ ? text("sequence ", set.count() + 1) : text("row ", row_),
          " without a target, expected one, complete it");
  set.x.insert(set.x.end(), sequence.x.begin(), sequence.x.end());
  set.y.insert(set.y.end(), sequence.y.begin(), sequence.y.end());
  set.ends.push_back(Index(set.x.size()) / set.channels);
}

void TableScan::end() {
  require(row_ > 0, where_, ": given no row of data, expected a row for each ", id_ ? "step" : "sequence",
          ", add some");
  for (const Growing& sequence : growing_) append(sequence);
}

std::vector<std::string> numbered(std::size_t columns) {
  std::vector<std::string> names;
  for (std::size_t c = 1; c <= columns; ++c) names.push_back(std::to_string(c));
  return names;
}

bool names_columns(const CsvRow& row, const std::string& header) {
  return header == "yes" ||
         (header == "auto" && std::none_of(row.begin(), row.end(), [](const std::string& cell) {
            return !trimmed(cell).empty() && number_in(cell).has_value();
          }));
}

}  // namespace

void append_csv(const std::string& where, std::string_view bytes, char separator,
                const SequenceSettings& settings, SequenceScan& scan) {
  constexpr std::string_view mark = "\xef\xbb\xbf";  // with which some programs begin UTF-8
  if (bytes.starts_with(mark)) bytes.remove_prefix(mark.size());
  CsvReader reader(bytes, separator);
  TextCells cells;
  require(reader.next(cells.row), where, ": given an empty file, expected a row for each sequence or step");
  const bool named = names_columns(cells.row, settings.header);
  std::vector<std::string> names = named ? cells.row : numbered(cells.row.size());
  for (std::string& name : names) name = trimmed(name);
  TableScan table(where, std::move(names), settings, scan);
  if (!named) table.add(cells);
  while (reader.next(cells.row)) table.add(cells);
  table.end();
}

void append_rows(const std::string& where, const NpyView& array, const SequenceSettings& settings,
                 SequenceScan& scan) {
  require(array.shape().size() == 2 && array.size() > 0, where, ": given an array of shape ",
          to_text(array.shape()),
          ", expected a row per sequence; give sequences of several channels and their targets as x and y of "
          "an .npz file");
  ArrayCells cells(array);
  TableScan table(where, numbered(cells.size()), settings, scan);
  for (; cells.row < array.shape()[0]; ++cells.row) table.add(cells);
  table.end();
}

float step_number(const Place& where, double value, const SequenceSettings& settings) {
  if (std::isnan(value))
    require(settings.missing == "mask", where(),
            ": given no number, expected one; complete the data, or set missing=mask");
  else
    require(std::isfinite(float(value)), where(), ": given ", value,
            ", expected a number within float32, scale it");
  return float(value);
}

float target_number(const Place& where, double value) {
  require(std::isfinite(float(value)), where(),
          ": given no finite number to learn, expected one, correct it");
  return float(value);
}

std::string word_of(double value) {
  if (std::isnan(value)) return "";
  const bool whole = std::abs(value) < 1e15 && value == std::floor(value);
  return whole ? std::to_string(Index(value)) : Json(value).dump();
}

}  // namespace stillpoint
