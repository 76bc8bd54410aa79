// Joins the crossings of a level with the edges of cells to lines.
#include "tasks/drawing/contour.h"

#include <array>
#include <cmath>
#include <map>

namespace stillpoint::drawing {
namespace {

// Edges are numbered: 2 k goes from point k to the right, 2 k + 1 upwards.
using Edge = std::size_t;

class Contour {
 public:
  Contour(const Grid& grid, double level) : grid_(grid), level_(level), width_(grid.x.size()) {
    for (std::size_t i = 0; i + 1 < grid.y.size(); ++i)
      for (std::size_t j = 0; j + 1 < width_; ++j) add_cell(i * width_ + j);
  }

  ContourLines lines() {
    ContourLines lines;
    for (const bool open : {true, false})
      for (const auto& [edge, next] : links_)
        if (!next.empty() && (!open || next.size() == 1)) follow(edge, lines);
    return lines;
  }

 private:
  bool above(std::size_t point) const { return grid_.values[point] > level_; }
  bool crosses(Edge edge) const { return above(edge / 2) != above(end_of(edge)); }
  std::size_t end_of(Edge edge) const { return edge / 2 + (edge % 2 == 0 ? 1 : width_); }

  void link(Edge a, Edge b) {
    links_[a].push_back(b);
    links_[b].push_back(a);
  }
  // `corner` is the lower left point of the cell.
  void add_cell(std::size_t corner) {
    const std::array<Edge, 4> round{2 * corner, 2 * (corner + 1) + 1, 2 * (corner + width_), 2 * corner + 1};
    std::vector<Edge> crossed;
    for (const Edge edge : round)
      if (crosses(edge)) crossed.push_back(edge);
    if (crossed.size() == 2) link(crossed[0], crossed[1]);
    if (crossed.size() < 4) return;
    // Two corners that face each other are above the level. They are joined if the middle is, too.
    const double middle = grid_.values[corner] + grid_.values[corner + 1] + grid_.values[corner + width_] +
                          grid_.values[corner + width_ + 1];
    const bool joined = (middle > 4 * level_) == above(corner);
    link(round[0], round[joined ? 1 : 3]);
    link(round[2], round[joined ? 3 : 1]);
  }
  // Takes the links of a line, from one end or round it.
  void follow(Edge edge, ContourLines& lines) {
    add_point(edge, lines);
    while (!links_[edge].empty()) {
      const Edge next = links_[edge].back();
      links_[edge].pop_back();
      std::erase(links_[next], edge);
      add_point(edge = next, lines);
    }
    lines.x.push_back(NAN);
    lines.y.push_back(NAN);
  }
  void add_point(Edge edge, ContourLines& lines) const {
    const std::size_t a = edge / 2, b = end_of(edge);
    const double share = (level_ - grid_.values[a]) / (grid_.values[b] - grid_.values[a]);
    const auto between = [share](double from, double to) { return from + share * (to - from); };
    lines.x.push_back(between(grid_.x[a % width_], grid_.x[b % width_]));
    lines.y.push_back(between(grid_.y[a / width_], grid_.y[b / width_]));
  }

  const Grid& grid_;
  double level_;
  std::size_t width_;
  std::map<Edge, std::vector<Edge>> links_;
};

}  // namespace

ContourLines contour(const Grid& grid, double level) { return Contour(grid, level).lines(); }

}  // namespace stillpoint::drawing
