// Tables of a report: runs side by side with the best value marked, and counts as heat.
#pragma once
#include <string>
#include <vector>

#include "tasks/report/html.h"
#include "tasks/report/run_data.h"

namespace stillpoint::report {

struct TableRow {
  std::string name;
  std::vector<std::string> cells;
  std::vector<bool> best = {};  // empty: none
};

struct TableColumn {
  std::string name;
  int style = -1;  // of the curves it stands for, for series_class; -1: none
};

// Numbers stand right, in a box of its own that scrolls where the page is narrow.
void write_table(HtmlWriter& out, const std::string& caption, const std::string& corner,
                 const std::vector<TableColumn>& columns, const std::vector<TableRow>& rows);

// Whether a larger value of a metric is better (1), a smaller one (-1), or neither is known (0).
int better_direction(const std::string& metric);
// The best of the finite values, all of them where several are equal; none unless two or more are finite.
std::vector<bool> best_of(const std::vector<double>& values, int direction);

// Rows are labels, columns predictions; hits and misses have a colour each, misses by their share of the row.
void write_confusion(HtmlWriter& out, const std::string& caption, const Confusion& confusion);
// The share of a class's images that were predicted as it; NaN where it has none.
double class_accuracy(const Confusion& confusion, std::size_t k);

}  // namespace stillpoint::report
