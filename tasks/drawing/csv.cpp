// Writes and reads CSV with quotes as RFC 4180 has them.
#include "tasks/drawing/csv.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>

#include "engine/io/files.h"
#include "engine/words.h"
#include "kernels/device/error.h"
#include "tasks/io/numbers.h"

namespace stillpoint::drawing {
namespace {

double number_of(const std::string& word) {
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  return !word.empty() && *end == 0 ? value : NAN;
}

}  // namespace

std::string csv_quoted(const std::string& word) {
  if (word.find_first_of(",\"\r\n") == word.npos) return word;
  std::string out = "\"";
  for (const char c : word) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::vector<CsvRow> csv_rows(const std::string& csv) {
  std::vector<CsvRow> rows;
  CsvReader reader(csv);
  for (CsvRow row; reader.next(row);) rows.push_back(row);
  return rows;
}

std::string csv_of(const Chart& chart) {
  std::ostringstream out;
  out << "series," << csv_quoted(chart.x.name) << ',' << csv_quoted(chart.y.name) << '\n'
      << std::setprecision(std::numeric_limits<double>::max_digits10);
  for (const Series& series : chart.series)
    for (std::size_t i = 0; i < series.x.size(); ++i)
      out << csv_quoted(series.label) << ',' << series.x[i] << ',' << series.y[i] << '\n';
  return out.str();
}

void add_csv(Chart& chart, const std::filesystem::path& path, const CsvColumns& columns, Look look) {
  const std::vector<CsvRow> rows = csv_rows(read_file(path));
  require(!rows.empty(), path_to_text(path),
          ": given an empty file, expected a row of names and rows of values");
  const auto index = [&](const std::string& column) {
    const auto found = std::find(rows[0].begin(), rows[0].end(), column);
    require(found != rows[0].end(), path_to_text(path), ": given the column '", shown(column),
            "', expected one of ", shown(join(rows[0])), did_you_mean(column, rows[0]));
    return std::size_t(found - rows[0].begin());
  };
  const std::size_t x = index(columns.x), y = index(columns.y),
                    by = columns.by.empty() ? 0 : index(columns.by);
  for (std::size_t r = 1; r < rows.size(); ++r) {
    require(rows[r].size() == rows[0].size(), path_to_text(path), ": given ", rows[r].size(),
            " values in row ", r, ", expected ", rows[0].size(), " as in the row of names");
    const std::string label = columns.by.empty() ? columns.y : rows[r][by];
    auto series = std::find_if(chart.series.begin(), chart.series.end(),
                               [&](const Series& s) { return s.label == label; });
    if (series == chart.series.end())
      series =
          chart.series.insert(series, {.label = label, .style = chart.series.size(), .look = look, .x = {}});
    series->x.push_back(number_of(rows[r][x]));
    series->y.push_back(number_of(rows[r][y]));
    if (std::isfinite(series->y.back())) series->note = readable(series->y.back());
  }
}

}  // namespace stillpoint::drawing
