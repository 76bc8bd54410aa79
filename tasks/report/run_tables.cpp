// Writes tables of text cells, and the confusion matrix.
#include "tasks/report/run_tables.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tasks/drawing/chart.h"
#include "tasks/io/numbers.h"

namespace stillpoint::report {
namespace {

constexpr std::size_t widest_unbroken = 26;  // bytes in a cell

HtmlWriter::Element scroll_box(HtmlWriter& out, const std::string& caption) {
  // The box is focusable, so that the keyboard can scroll it.
  return out.open("div",
                  {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", caption}});
}

void write_head(HtmlWriter& out, const std::string& corner, const std::vector<TableColumn>& columns) {
  const auto head = out.open("thead");
  const auto row = out.open("tr");
  out.leaf("th", corner, {{"scope", "col"}});
  for (const TableColumn& column : columns) {
    const auto cell = out.open("th", {{"scope", "col"}});
    if (column.style >= 0) write_swatch(out, std::size_t(column.style));
    out.leaf("span", column.name);
  }
}

// Returns the style attribute for a cell's heat, from 0 to 1.
std::string heat(double share) { return "--heat:" + format_fixed(std::clamp(share, 0.0, 1.0), 3); }

double total(const std::vector<double>& row) { return std::accumulate(row.begin(), row.end(), 0.0); }

std::string percent(double share) { return std::isfinite(share) ? format_fixed(100 * share, 1) + " %" : "–"; }

// Returns the largest share of a row that was predicted as one wrong class.
double largest_miss(const Confusion& confusion) {
  double largest = 0;
  for (std::size_t i = 0; i < confusion.counts.size(); ++i)
    for (std::size_t j = 0; j < confusion.counts.size(); ++j)
      if (i != j && total(confusion.counts[i]) > 0)
        largest = std::max(largest, confusion.counts[i][j] / total(confusion.counts[i]));
  return largest;
}

void write_confusion_row(HtmlWriter& out, const Confusion& confusion, std::size_t k, double largest) {
  const std::vector<double>& counts = confusion.counts[k];
  const double images = total(counts);
  const auto row = out.open("tr");
  out.leaf("th", confusion.classes[k], {{"scope", "row"}});
  for (std::size_t j = 0; j < counts.size(); ++j) {
    const double share = images > 0 ? counts[j] / images : 0;
    // The square root makes small shares visible, because most misses are few.
    const double warmth = j == k ? share : largest > 0 ? std::sqrt(share / largest) : 0;
    const std::string css = counts[j] == 0 ? "none" : j == k ? "hit" : "miss";
    const auto cell = out.open("td", {{"class", css}, {"style", heat(warmth)}});
    out.text(readable(counts[j]));
  }
  out.leaf("td", percent(class_accuracy(confusion, k)), {{"class", "sum"}});
}

}  // namespace

void write_table(HtmlWriter& out, const std::string& caption, const std::string& corner,
                 const std::vector<TableColumn>& columns, const std::vector<TableRow>& rows) {
  const auto box = scroll_box(out, caption);
  const auto table = out.open("table");
  out.leaf("caption", caption);
  write_head(out, corner, columns);
  const auto body = out.open("tbody");
  for (const TableRow& row : rows) {
    const auto line = out.open("tr");
    out.leaf("th", row.name, {{"scope", "row"}});
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const bool best = i < row.best.size() && row.best[i];
      // A long text may break; a number never does.
      const bool wide = row.cells[i].size() > widest_unbroken;
      const auto cell = out.open("td", wide ? Attributes{{"class", "long"}} : Attributes{});
      if (best) {
        out.leaf("strong", row.cells[i]);
        out.leaf("span", " (best)", {{"class", "unseen"}});
      } else {
        out.text(row.cells[i]);
      }
    }
  }
}

std::vector<bool> best_of(const std::vector<double>& values, int direction) {
  std::vector<bool> best(values.size(), false);
  double most = -INFINITY;
  std::size_t finite = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    ++finite;
    most = std::max(most, direction * v);
  }
  if (direction == 0 || finite < 2) return best;
  for (std::size_t i = 0; i < values.size(); ++i) best[i] = direction * values[i] == most;
  return best;
}

double class_accuracy(const Confusion& confusion, std::size_t k) {
  const double images = total(confusion.counts[k]);
  return images > 0 ? confusion.counts[k][k] / images : NAN;
}

void write_confusion(HtmlWriter& out, const std::string& caption, const Confusion& confusion) {
  const auto box = scroll_box(out, caption);
  const auto table = out.open("table", {{"class", "heat"}});
  out.leaf("caption", caption);
  std::vector<TableColumn> columns;
  for (const std::string& name : confusion.classes) columns.push_back({name});
  columns.push_back({"correct"});
  write_head(out, "label", columns);
  const auto body = out.open("tbody");
  const double largest = largest_miss(confusion);
  for (std::size_t k = 0; k < confusion.classes.size(); ++k) write_confusion_row(out, confusion, k, largest);
}

}  // namespace stillpoint::report
