// Splits CSV into rows and cells.
#include "tasks/io/tables/csv_reader.h"

namespace stillpoint {

// Reads up to the separator or the end of the line, which stays unread.
void CsvReader::read_cell(std::string& cell) {
  cell.clear();
  bool in_quotes = false;
  for (; at_ < bytes_.size(); ++at_) {
    const char c = bytes_[at_];
    if (!in_quotes && (c == separator_ || c == '\n')) return;
    if (c == '"' && in_quotes && at_ + 1 < bytes_.size() && bytes_[at_ + 1] == '"')
      cell += bytes_[++at_];
    else if (c == '"')
      in_quotes = !in_quotes;
    else if (in_quotes || c != '\r')
      cell += c;
  }
}

bool CsvReader::next(CsvRow& row) {
  while (at_ < bytes_.size()) {
    std::size_t cells = 0;
    do {
      if (cells == row.size()) row.emplace_back();
      if (cells > 0) ++at_;
      read_cell(row[cells++]);
    } while (at_ < bytes_.size() && bytes_[at_] == separator_);
    if (at_ < bytes_.size()) ++at_;
    row.resize(cells);
    if (cells > 1 || !row[0].empty()) return true;
  }
  return false;
}

}  // namespace stillpoint
