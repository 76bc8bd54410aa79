// The table of kernel counts in docs/kernel_traffic.md: measured rows, the page that holds them, and which of
// them got worse.
#pragma once
#include <string>
#include <vector>

#include "simt/machine.h"

namespace stillpoint::profile {

// One kernel at one size. `values` are in the order of column_names(); less is better in each.
struct Row {
  std::string kernel, sizes;
  std::vector<double> values;
  bool operator==(const Row&) const = default;
};

const std::vector<std::string>& column_names();

// `minimum` is the device memory in bytes that the kernel has to move, with each array counted once.
Row row_of(const std::string& kernel, const std::string& sizes, const simt::KernelProfile& counts,
           double minimum);

using simt::short_name;

// Returns Markdown; a number is `-` if the kernel has no accesses of that kind.
std::string to_markdown(const std::vector<Row>& rows);

// Returns the rows between the two markers of the page's text. Throws Error if a marker or a number is
// missing.
std::vector<Row> read_rows(const std::string& page);
std::string with_rows(const std::string& page, const std::vector<Row>& rows);

// `worse` has a line for each number that is worse than recorded by more than `tolerance` and its rounding,
// and for each row that only one side has; `improved` has a line for each number that is better by as much.
struct Verdict {
  std::vector<std::string> worse, improved;
};
Verdict compare(const std::vector<Row>& recorded, const std::vector<Row>& measured, double tolerance);

}  // namespace stillpoint::profile
