// Reads all rows of a log at once.
#pragma once
#include "tasks/io/metrics.h"

namespace stillpoint::test {

inline std::vector<nlohmann::json> rows_of(const std::filesystem::path& log) {
  std::vector<nlohmann::json> rows;
  read_metrics(log, [&](const nlohmann::json& row, const LineReader&) {
    rows.push_back(row);
    return true;
  });
  return rows;
}

}  // namespace stillpoint::test
