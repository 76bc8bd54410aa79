// Parses tables of numbers and groups their rows by trajectory.
#include "tasks/spectra/own_data.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "engine/io/files.h"
#include "engine/ops.h"
#include "engine/words.h"
#include "tasks/io/npy.h"
#include "tasks/spectra/number_table.h"

namespace stillpoint {
namespace {

constexpr TensorOptions read_options{DType::float64, Device::cpu};

std::optional<std::size_t> column_of(const NumberTable& table, const char* name) {
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

std::vector<Tensor> trajectories_of(const std::string& where, const NumberTable& table) {
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
                                                   : trajectories_of(where, number_table(where, bytes));
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
    const NumberTable table = number_table(where, bytes);
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
