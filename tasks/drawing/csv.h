// CSV files: the data beside a chart, and charts of anybody's data.
#pragma once
#include <filesystem>
#include <string>

#include "tasks/drawing/chart.h"
#include "tasks/io/tables/csv_reader.h"

namespace stillpoint::drawing {

// Returns the word, in quotes if it has a comma, a quote or a line break.
std::string csv_quoted(const std::string& word);
// Returns the rows that are not empty.
std::vector<CsvRow> csv_rows(const std::string& csv);

// Returns the points of a chart, a row each: series, x, y.
std::string csv_of(const Chart& chart);

struct CsvColumns {
  std::string x, y;
  std::string by = {};  // a series for each of its values; empty: one series
};
// Reads a file with a row of names and adds its series to the chart; a value that is not a number becomes a
// gap. Throws Error, with the names, if a column is missing, and with the line if a row has another length.
void add_csv(Chart& chart, const std::filesystem::path& path, const CsvColumns& columns, Look look);

}  // namespace stillpoint::drawing
