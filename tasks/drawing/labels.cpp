// Places and writes legends and the names of points.
#include "tasks/drawing/labels.h"

#include <algorithm>

#include "kernels/device/error.h"
#include "tasks/drawing/lettering.h"

namespace stillpoint::drawing {
namespace {

constexpr double row = 19, indent = 33, gap = 16;  // of the legend
constexpr double ascent = 10, descent = 3;         // of a name
constexpr double mark = 5.5;                       // half of a mark's side

// The area that a name takes if its left end is at x, y.
Box box_of(const std::string& name, double x, double y) {
  return {x, y - ascent, x + width_of(name), y + descent};
}

bool overlap(const Box& a, const Box& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

// Places names around points, and knows what is taken.
class Room {
 public:
  explicit Room(const Box& area) : area_(area) {}
  void take(const Box& box) { taken_.push_back(box); }
  // Returns whether a place was found and taken: right, left, above or below the point, or further away.
  bool place_name(PointName& name, double x, double y) {
    const double width = width_of(name.text), near = mark + 2;
    for (const double away : {0.0, 7.0, 14.0})
      for (const auto& [dx, dy] : {std::pair{near, 4.0},
                                   {-near - width, 4.0},
                                   {-width / 2, -near - descent},
                                   {-width / 2, near + ascent},
                                   {near - 3, -near},
                                   {near - 3, near + ascent - 2},
                                   {3 - near - width, -near},
                                   {3 - near - width, near + ascent - 2}}) {
        name.x = x + dx + (dx > 0 ? away : dx < -width ? -away : 0);
        name.y = y + dy + (dy > 4 ? away : dy < 4 ? -away : 0);
        if (!free(box_of(name.text, name.x, name.y))) continue;
        take(box_of(name.text, name.x, name.y));
        return true;
      }
    return false;
  }

 private:
  bool free(const Box& box) const {
    return box.left >= area_.left && box.right <= area_.right && box.top >= area_.top &&
           box.bottom <= area_.bottom &&
           std::none_of(taken_.begin(), taken_.end(), [&](const Box& other) { return overlap(box, other); });
  }
  Box area_;
  std::vector<Box> taken_;
};

void write_sample(HtmlWriter& out, const Series& series, double x, double y) {
  if (series.look == Look::points) return write_mark(out, series.style, x + 13, y, "");
  const auto group = out.open("g", {{"class", "curve " + series_class(series.style)}});
  out.empty("path", {{"d", text("M", place(x + 1), " ", place(y), " h25")}});
}

}  // namespace

void write_mark(HtmlWriter& out, std::size_t style, double x, double y, const std::string& title) {
  const auto at = [&](double dx, double dy) { return text("M", place(x + dx), " ", place(y + dy)); };
  const std::string css = text("mark c", style % 6);
  const std::string path = style % 4 == 1   ? at(0, -5.5) + " l5 9 h-10 z"
                           : style % 4 == 2 ? at(-4, -4) + " h8 v8 h-8 z"
                                            : at(0, -5.5) + " l5.5 5.5 l-5.5 5.5 l-5.5 -5.5 z";
  const auto element =
      style % 4 == 0 ? out.open("circle", {{"class", css}, {"cx", place(x)}, {"cy", place(y)}, {"r", "3.5"}})
                     : out.open("path", {{"class", css}, {"d", path}});
  if (!title.empty()) out.leaf("title", title);
}

Legend legend_of(const Chart& chart, const std::vector<std::string>& key, double top, double width) {
  Legend legend{.entries = {}, .bottom = top};
  double x = 0, y = top + row - 5;
  const auto add = [&](const Series* series, const std::string& number, const std::string& words) {
    const double note = series == nullptr || series->note.empty() ? 0 : width_of(series->note) + 6;
    Entry entry{.series = series, .number = number, .lines = wrapped(words, width - indent - note)};
    if (entry.lines.empty()) entry.lines = {""};
    const double wide = indent + width_of(entry.lines[0]) + note;
    if (x > 0 && (x + wide > width || entry.lines.size() > 1)) {
      x = 0;
      y += row;
    }
    entry.x = x;
    entry.y = y;
    x += wide + gap;
    y += row * double(entry.lines.size() - 1);
    if (entry.lines.size() > 1) x = width;  // nothing follows on the last line
    legend.bottom = y + 6;
    legend.entries.push_back(std::move(entry));
  };
  for (const Series& series : chart.series)
    if (!series.label.empty()) add(&series, "", series.label);
  x = x > 0 ? width : 0;
  for (std::size_t i = 0; i < key.size(); ++i) add(nullptr, text(i + 1), key[i]);
  return legend;
}

void write_legend(HtmlWriter& out, const Legend& legend) {
  if (legend.entries.empty()) return;
  const auto group = out.open("g", {{"class", "legend"}});
  for (const Entry& entry : legend.entries) {
    if (entry.series != nullptr)
      write_sample(out, *entry.series, entry.x, entry.y - 4);
    else
      out.leaf("text", entry.number,
               {{"x", place(entry.x + 26)}, {"y", place(entry.y)}, {"text-anchor", "end"}});
    for (std::size_t i = 0; i < entry.lines.size(); ++i) {
      const auto line =
          out.open("text", {{"x", place(entry.x + indent)}, {"y", place(entry.y + row * double(i))}});
      out.text(entry.lines[i]);
      if (i + 1 == entry.lines.size() && entry.series != nullptr && !entry.series->note.empty())
        out.leaf("tspan", entry.series->note, {{"class", "note"}, {"dx", "6"}});
    }
  }
}

PointNames names_of(const Chart& chart, const Axis& x, const Axis& y) {
  Room room({x.from, y.to, x.to + 6, y.from - 2});
  for (const Series& series : chart.series)
    for (std::size_t i = 0; series.look == Look::points && i < series.x.size(); ++i)
      if (x.shows(series.x[i]) && y.shows(series.y[i])) {
        const double at = x(series.x[i]), high = y(series.y[i]);
        room.take({at - mark, high - mark, at + mark, high + mark});
      }
  PointNames names;
  for (const Series& series : chart.series)
    for (std::size_t i = 0; i < series.names.size(); ++i) {
      if (series.names[i].empty() || !x.shows(series.x[i]) || !y.shows(series.y[i])) continue;
      PointName name{.text = series.names[i]};
      if (!room.place_name(name, x(series.x[i]), y(series.y[i]))) {
        const auto same = std::find(names.key.begin(), names.key.end(), series.names[i]);
        name.text = text(same - names.key.begin() + 1);
        if (same == names.key.end()) names.key.push_back(series.names[i]);
        if (!room.place_name(name, x(series.x[i]), y(series.y[i]))) {
          name.x = std::min(x(series.x[i]), x.to - width_of(name.text));  // on its mark
          name.y = std::max(y(series.y[i]) + 4, y.to + ascent);
        }
      }
      names.placed.push_back(name);
    }
  return names;
}

}  // namespace stillpoint::drawing
