// The tables of a report: runs side by side with the best value marked, and counts shown as heat.
#pragma once
#include <string>
#include <vector>

#include "tasks/drawing/html.h"
#include "tasks/report/run_data.h"

namespace stillpoint::report {

using namespace drawing;

struct TableRow {
  std::string name;
  std::vector<std::string> cells;
  std::vector<bool> best = {};  // empty: no cell is marked
};

struct TableColumn {
  std::string name;
  int style = -1;  // style of its curves, for series_class; -1: none
};

// Writes a table in its own box, which scrolls if the page is narrow. Numbers are aligned right.
void write_table(HtmlWriter& out, const std::string& caption, const std::string& corner,
                 const std::vector<TableColumn>& columns, const std::vector<TableRow>& rows);

// Marks the best of the finite values, and all that equal it; marks none unless two or more are finite.
std::vector<bool> best_of(const std::vector<double>& values, int direction);

// Rows are labels, columns are predictions. Hits and misses have colours, misses by their share of the row.
void write_confusion(HtmlWriter& out, const std::string& caption, const Confusion& confusion);
// Returns the share of a class's images that were predicted correctly, or NaN if it has no images.
double class_accuracy(const Confusion& confusion, std::size_t k);

}  // namespace stillpoint::report
