// Parses tables of numbers and groups their rows by trajectory.
#include "tasks/spectra/own_data.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>

#include "engine/io/files.h"
#include "engine/ops.h"
#include "engine/words.h"
#include "tasks/drawing/csv.h"
#include "tasks/io/npy.h"

namespace stillpoint {
namespace {

constexpr TensorOptions read_options{DType::float64, Device::cpu};
using Words = std::vector<std::string>;

bool is_number(const std::string& word) {
  char* end = nullptr;
  std::strtod(word.c_str(), &end);
  return end != word.c_str() && word.find_first_not_of(" \t", std::size_t(end - word.c_str())) == word.npos;
}

struct Table {
  Words names = {};  // empty if the file has no row of names
  std::vector<std::vector<double>> rows = {};
};

Table table_of(const std::string& where, std::string csv) {
  if (csv.starts_with("\xef\xbb\xbf")) csv.erase(0, 3);  // the mark that some programs begin UTF-8 with
  std::vector<Words> rows = drawing::csv_rows(csv);
  Table table;
  if (!rows.empty() && std::none_of(rows[0].begin(), rows[0].end(), is_number)) {
    table.names = rows[0];
    rows.erase(rows.begin());
  }
  require(!rows.empty(), where, ": given no row of numbers, expected a row for each time");
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::string row = text(where, ": given row ", r + 1);
    require(rows[r].size() == rows[0].size() && (table.names.empty() || rows[r].size() == table.names.size()),
            row, " with ", rows[r].size(), " values, expected ",
            table.names.empty() ? rows[0].size() : table.names.size(),
            table.names.empty() ? " as in the first row" : " as in the row of names", ", complete it");
    table.rows.emplace_back();
    for (const std::string& word : rows[r]) {
      const double value = is_number(word) ? std::strtod(word.c_str(), nullptr) : NAN;
      require(std::isfinite(value), row, " with the value '", shown(word),
              "', expected finite numbers separated by commas, replace it or leave the trajectory out");
      table.rows.back().push_back(value);
    }
  }
  return table;
}

std::optional<std::size_t> column_of(const Table& table, const char* name) {
  const auto found = std::find(table.names.begin(), table.names.end(), name);
  if (found == table.names.end()) return std::nullopt;
  return std::size_t(found - table.names.begin());
}

void require_even_times(const std::string& where, const std::vector<double>& times) {
  constexpr double even = 1e-6;
  for (std::size_t t = 1; t < times.size(); ++t) {
    const double first = times[1] - times[0], step = times[t] - times[t - 1];
    require(first > 0 && std::abs(step - first) <= even * std::max(first, std::abs(times[t])), where,
            ": given times ", times[t - 1], " and ", times[t],
            " one after the other, expected equal steps of ", first,
            " above zero, interpolate the trajectory");
  }
}

std::vector<Tensor> trajectories_of(const std::string& where, const Table& table) {
  const auto by = column_of(table, "trajectory"), time = column_of(table, "time");
  struct Trajectory {
    std::vector<double> values, times;
  };
  std::vector<Trajectory> found;
  std::map<double, std::size_t> places;
  Index width = 0;
  for (const std::vector<double>& row : table.rows) {
    const std::size_t place = by ? places.try_emplace(row[*by], found.size()).first->second : 0;
    if (place == found.size()) found.emplace_back();
    if (time) found[place].times.push_back(row[*time]);
    width = 0;
    for (std::size_t c = 0; c < row.size(); ++c)
      if (c != by && c != time) {
        found[place].values.push_back(row[c]);
        ++width;
      }
  }
  require(width > 0, where,
          ": given no column of a coordinate, expected at least one beside trajectory and time");
  std::vector<Tensor> trajectories;
  for (const Trajectory& t : found) {
    require_even_times(where, t.times);
    trajectories.push_back(Tensor::from(t.values, {Index(t.values.size()) / width, width}, read_options));
  }
  return trajectories;
}

// Splits (n,times,d) or takes (times,d).
std::vector<Tensor> trajectories_of(const std::string& where, const Tensor& array) {
  const Shape& shape = array.shape();
  require((shape.size() == 2 || shape.size() == 3) && array.size() > 0, where, ": given an array of shape ",
          to_text(shape),
          ", expected (times, coordinates) or (trajectories, times, coordinates), reshape it");
  const std::vector<double> values = array.values();
  const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  require(bad == values.end(), where, ": given ", bad == values.end() ? 0 : *bad, " as element ",
          bad - values.begin(),
          ", counted by rows from 0, expected finite numbers, leave that trajectory out");
  const Index width = shape.back(), times = shape[shape.size() - 2], size = times * width;
  std::vector<Tensor> trajectories;
  for (Index first = 0; first < array.size(); first += size)
    trajectories.push_back(
        Tensor::from({values.begin() + first, values.begin() + first + size}, {times, width}, read_options));
  return trajectories;
}

}  // namespace

std::vector<Tensor> read_trajectories(const std::vector<std::string>& files) {
  std::vector<Tensor> all;
  for (const std::string& file : files) {
    const std::string where = shown(file), bytes = read_file(file);
    const std::vector<Tensor> read = is_npy(bytes) ? trajectories_of(where, parse_npy(where, bytes))
                                                   : trajectories_of(where, table_of(where, bytes));
    for (std::size_t k = 0; k < read.size(); ++k) {
      require(read[k].dim(0) > 1, where, ": given trajectory ", k + 1, " of ", read.size(),
              " with a single time, expected at least two, leave it out");
      require(all.empty() || read[k].dim(1) == all[0].dim(1), where, ": given ", read[k].dim(1),
              " coordinates, expected ", all.empty() ? 0 : all[0].dim(1), " as in ", shown(files[0]),
              ", give files of one system");
      all.push_back(read[k]);
    }
  }
  return all;
}

Tensor read_square_matrix(const std::string& file) {
  const std::string where = shown(file), bytes = read_file(file);
  Tensor k;
  if (is_npy(bytes)) {
    k = parse_npy(where, bytes);
  } else {
    const Table table = table_of(where, bytes);
    require(table.names.empty(), where, ": given a row of names, expected only numbers, remove it");
    std::vector<double> values;
    for (const auto& row : table.rows) values.insert(values.end(), row.begin(), row.end());
    k = Tensor::from(values, {Index(table.rows.size()), Index(table.rows[0].size())}, read_options);
  }
  require(k.rank() == 2 && k.dim(0) == k.dim(1) && k.size() > 0, where, ": given an array of shape ",
          to_text(k.shape()), ", expected a square matrix, give --data if it holds trajectories");
  for (const double value : k.values())
    require(std::isfinite(value), where, ": given an entry ", value, ", expected finite numbers, correct it");
  return k;
}

}  // namespace stillpoint
