// What a MATLAB file of version 5 says about its arrays, with every size checked against the bytes that are
// there.
//
// A header of 128 bytes, then elements: type and length, 32 bits each, and the bytes. An element is an array
// (type 14) or a zlib stream of one (type 15). An array is a list of elements: flags, sizes, name, values;
// each is padded to 8 bytes, and one of at most 4 bytes may hold its length in the upper half of the type.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/io/input_file.h"

namespace stillpoint {

struct MatArray {
  std::string name;
  int kind;    // class: 6 double, 9 uint8, ...
  bool plain;  // neither complex nor logical nor global
  std::vector<std::uint64_t> sizes;
  int type;             // of the values in the file: 2 uint8, 9 double, ...
  std::uint64_t bytes;  // of the values: prod(sizes) times the type's size
};

// Reads all of the file, from its beginning, and keeps none of it. Error where it is truncated, damaged, of
// another version, or holds anything but numeric arrays.
std::vector<MatArray> check_mat_file(InputFile& file);

}  // namespace stillpoint
