// Reads CSV row by row, with quotes as RFC 4180 has them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace stillpoint {

using CsvRow = std::vector<std::string>;

class CsvReader {
 public:
  // The bytes outlive this.
  explicit CsvReader(std::string_view bytes, char separator = ',') : bytes_(bytes), separator_(separator) {}
  // Returns false at the end. Leaves empty lines out.
  bool next(CsvRow& row);

 private:
  void read_cell(std::string& cell);

  std::string_view bytes_;
  char separator_;
  std::size_t at_ = 0;
};

}  // namespace stillpoint
