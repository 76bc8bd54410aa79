// Describes the arrays of a MATLAB file of version 5, and checks every size against the bytes that are there.
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
  bool plain;  // not complex, logical or global
  std::vector<std::uint64_t> sizes;
  int type;             // type of the values in the file: 2 uint8, 9 double, ...
  std::uint64_t bytes;  // bytes of the values: prod(sizes) times the size of the type
};

// Reads the whole file from its beginning, and keeps none of it. Throws Error if it is truncated, damaged, of
// another version, or holds anything other than numeric arrays.
std::vector<MatArray> check_mat_file(InputFile& file);

}  // namespace stillpoint
