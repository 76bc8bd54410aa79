// The words of a chart that are neither axis nor title: the legend, and names beside points.
#pragma once
#include <string>
#include <vector>

#include "tasks/drawing/chart.h"

namespace stillpoint::drawing {

// Writes the mark of a point; the shape depends on the style, so that colour is never the only difference.
void write_mark(HtmlWriter& out, std::size_t style, double x, double y, const std::string& title);

struct Box {
  double left, top, right, bottom;
};

struct Entry {
  const Series* series = nullptr;  // whose line or mark precedes the text; nullptr: `number` does
  std::string number = {};
  double x = 0, y = 0;  // of the first line
  std::vector<std::string> lines = {};
};

struct Legend {
  std::vector<Entry> entries;
  double bottom = 0;
};

// Places the series that have a label, and `key`, the names of points that are numbered from 1, from `top`
// on.
Legend legend_of(const Chart& chart, const std::vector<std::string>& key, double top, double width);
void write_legend(HtmlWriter& out, const Legend& legend);

struct PointName {
  std::string text;
  double x = 0, y = 0;  // of its left end
};

struct PointNames {
  std::vector<PointName> placed;
  std::vector<std::string> key;  // the names that are shown as numbers
};

// Places the names of all points within the area, so that none covers a mark or another name. A name that
// finds no place becomes a number.
PointNames names_of(const Chart& chart, const Axis& x, const Axis& y);

}  // namespace stillpoint::drawing
