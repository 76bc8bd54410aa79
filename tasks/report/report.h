// The `report` command: runs as one HTML page that needs nothing but itself.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/report/run_data.h"

namespace stillpoint::report {

// A page without scripts and requests. Runs of one task on the same data are compared, others are apart.
std::string page(std::vector<RunData> runs);

struct Written {
  std::size_t bytes = 0;                   // of the page
  std::vector<std::string> left_out = {};  // why, for each folder that is not one of a run
};
// Reads the runs and writes the page atomically. Throws Error where none of the folders is one of a run,
// where one is given twice, or where the file cannot be written.
Written write_report(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& output);

// The style sheet of every page.
extern const char* const style_sheet;

}  // namespace stillpoint::report
