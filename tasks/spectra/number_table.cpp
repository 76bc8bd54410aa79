// Parses the cells of CSV as numbers.
#include "tasks/spectra/number_table.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/words.h"
#include "kernels/device/error.h"
#include "tasks/io/tables/csv_reader.h"

namespace stillpoint {
namespace {

bool is_number(const std::string& word) {
  char* end = nullptr;
  std::strtod(word.c_str(), &end);
  return end != word.c_str() && word.find_first_not_of(" \t", std::size_t(end - word.c_str())) == word.npos;
}

}  // namespace

NumberTable number_table(const std::string& where, std::string csv) {
  if (csv.starts_with("\xef\xbb\xbf")) csv.erase(0, 3);  // the mark that some programs begin UTF-8 with
  std::vector<CsvRow> rows;
  CsvReader reader(csv);
  for (CsvRow row; reader.next(row);) rows.push_back(row);
  NumberTable table;
  if (!rows.empty() && std::none_of(rows[0].begin(), rows[0].end(), is_number)) {
    table.names = rows[0];
    rows.erase(rows.begin());
  }
  require(!rows.empty(), where, ": given no row of numbers, expected at least one, write some");
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
              "', expected finite numbers separated by commas, replace it or leave it out");
      table.rows.back().push_back(value);
    }
  }
  return table;
}

}  // namespace stillpoint
