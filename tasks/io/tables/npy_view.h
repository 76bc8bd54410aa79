// Reads the elements of arrays in NumPy's .npy files where they lie.
#pragma once
#include <string>
#include <string_view>

#include "engine/tensor.h"

namespace stillpoint {

inline constexpr std::string_view npy_magic = "\x93NUMPY";

// Whether the bytes of a file begin as such a file does.
bool is_npy(std::string_view bytes);
// The elements of an array in the bytes of a file, which outlive this: real numbers or integers of any size,
// byte order and layout.
class NpyView {
 public:
  // Throws Error, in the name of `where`, if the bytes hold something else (objects, records, complex
  // numbers), or are cut off.
  NpyView(const std::string& where, std::string_view bytes);
  const Shape& shape() const { return shape_; }
  Index size() const { return size_; }
  double operator[](Index element) const;  // counted by rows

 private:
  double (*read_)(const char*, bool);
  std::string_view elements_;
  std::size_t width_;  // bytes of an element
  bool swapped_, by_columns_;
  Shape shape_;
  Index size_ = 1;
};

}  // namespace stillpoint
