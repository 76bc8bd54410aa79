// The `report` command: shows runs in one HTML page that needs no other file.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/report/run_data.h"

namespace stillpoint::report {

// Returns a page without scripts and requests. It compares only runs of one task on the same data.
std::string page(std::vector<RunData> runs);

struct Written {
  std::size_t bytes = 0;                   // of the page
  std::vector<std::string> left_out = {};  // the reason for each folder that is not a run's
};
// Reads the runs and writes the page atomically. Throws Error if none of the folders belongs to a run, if one
// is given twice, or if the file cannot be written.
Written write_report(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& output);

// Returns the style sheet of every page.
std::string style_sheet();

}  // namespace stillpoint::report
