// The `report` command: runs as one HTML page that needs nothing but itself.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/report/run_data.h"

namespace stillpoint::report {

// A page without scripts and requests. Runs of one task on the same data are compared, others are apart.
std::string page(std::vector<RunData> runs);

// Reads the runs and writes the page atomically; returns its bytes. Throws Error where a folder is not one of
// a run, where one is given twice, or where the file cannot be written.
std::size_t write_report(const std::vector<std::filesystem::path>& folders,
                         const std::filesystem::path& output);

// The style sheet of every page.
extern const char* const style_sheet;

}  // namespace stillpoint::report
