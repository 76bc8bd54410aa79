// Prints shapes.
#include "engine/tensor.h"

namespace stillpoint {

std::ostream& operator<<(std::ostream& out, const ShapeText& text) {
  out << "(";
  for (std::size_t i = 0; i < text.shape.size(); ++i) out << (i > 0 ? ", " : "") << text.shape[i];
  return out << ")";
}

}  // namespace stillpoint
