// Reads tables of numbers from CSV.
#pragma once
#include <string>
#include <vector>

namespace stillpoint {

struct NumberTable {
  std::vector<std::string> names = {};  // empty if the file has no row of names
  std::vector<std::vector<double>> rows = {};
};

// Throws Error, in the name of `where`, if there is no row, a row has another length, or a value is not a
// finite number.
NumberTable number_table(const std::string& where, std::string csv);

}  // namespace stillpoint
