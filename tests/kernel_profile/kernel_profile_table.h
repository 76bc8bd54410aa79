// The table of kernel counts in docs/kernel_traffic.md: measured rows, the page that holds them, and which of
// them got worse.
#pragma once
#include <string>
#include <vector>

#include "simt/machine.h"

namespace stillpoint::profile {

// One kernel at one size; `values` are in the order of column_names(), and less is better in every one.
struct Row {
  std::string kernel, sizes;
  std::vector<double> values;
  bool operator==(const Row&) const = default;
};

const std::vector<std::string>& column_names();

// `minimum`: bytes of device memory that the kernel cannot do without, each array once.
Row row_of(const std::string& kernel, const std::string& sizes, const simt::KernelProfile& counts,
           double minimum);

// `each_element<a::Lift<float> >` with its namespaces as `each_element<Lift>`.
std::string short_name(const std::string& kernel);

// Markdown; a number that a kernel has no accesses for is `-`.
std::string to_markdown(const std::vector<Row>& rows);

// The rows between the two markers of the page's text; an Error where a marker or a number is missing.
std::vector<Row> read_rows(const std::string& page);
std::string with_rows(const std::string& page, const std::vector<Row>& rows);

// One line per number that is worse than recorded by more than `tolerance` and its rounding, and per row that
// only one side has; `improved` has a line per number that is better by as much.
struct Verdict {
  std::vector<std::string> worse, improved;
};
Verdict compare(const std::vector<Row>& recorded, const std::vector<Row>& measured, double tolerance);

}  // namespace stillpoint::profile
