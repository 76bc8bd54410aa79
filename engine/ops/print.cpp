// Tensors as text: aligned numbers in nested brackets, the middle of large ones left out.
#include <iomanip>
#include <sstream>

#include "engine/ops.h"
#include "kernels/strided/strided.h"

namespace stillpoint {
namespace {

constexpr Index most_printed = 1000, at_either_end = 3;

struct Rows {
  std::vector<std::string> cells;
  Shape shape;
  std::vector<char> cut;  // per axis
  int width = 0;
};

// The elements of an axis in brackets, with dots where its middle was cut out.
void print(std::ostream& out, const Rows& rows, std::size_t axis, std::size_t& next) {
  if (axis == rows.shape.size()) {
    out << std::setw(rows.width) << rows.cells[next++];
    return;
  }
  const std::size_t inner = rows.shape.size() - axis - 1;
  std::string between(",");
  between.append(inner, '\n').append(inner > 0 ? axis + 1 : 1, ' ');
  out << "[";
  for (Index i = 0; i < rows.shape[axis]; ++i) {
    if (i > 0) out << between;
    if (rows.cut[axis] != 0 && i == at_either_end) out << "..." << between;
    print(out, rows, axis + 1, next);
  }
  out << "]";
}

// The first and last places of a long axis.
Tensor ends(const Tensor& x, std::size_t axis) {
  Shape from(x.shape().size(), 0), to = x.shape();
  to[axis] = at_either_end;
  const Tensor head = slice(x, from, to);
  from[axis] = x.shape()[axis] - at_either_end;
  to[axis] = x.shape()[axis];
  return concat({head, slice(x, from, to)}, Index(axis));
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tensor& x) {
  if (!x.defined()) return out << "undefined tensor";
  const Recording off(false);
  Tensor shown = x.rank() <= kernels::max_rank ? x : reshape(x, {x.size()});
  Rows rows{.cells = {}, .shape = {}, .cut = std::vector<char>(shown.shape().size(), 0)};
  for (std::size_t axis = 0; axis < rows.cut.size() && x.size() > most_printed; ++axis)
    if (shown.shape()[axis] > 2 * at_either_end) {
      shown = ends(shown, axis);
      rows.cut[axis] = 1;
    }
  rows.shape = shown.shape();
  for (const double value : shown.values()) {
    std::ostringstream cell;
    cell << value;
    rows.width = std::max(rows.width, int(cell.str().size()));
    rows.cells.push_back(cell.str());
  }
  std::size_t next = 0;
  print(out, rows, 0, next);
  return out << " " << name_of(x.dtype()) << " " << to_text(x.shape()) << " on " << name_of(x.device());
}

}  // namespace stillpoint
