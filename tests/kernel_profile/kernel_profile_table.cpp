// Converts rows of kernel counts to and from Markdown, and compares them.
#include "tests/kernel_profile/kernel_profile_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "kernels/device/error.h"

namespace stillpoint::profile {
namespace {

const std::string begin_marker = "<!-- traffic table: begin -->", end_marker = "<!-- traffic table: end -->";

struct Counts {
  const simt::KernelProfile& p;
  double minimum;
};

double share(double part, double whole) { return whole == 0 ? 0 : part / whole; }

struct Column {
  const char* name;
  int digits;  // after the decimal point
  double (*value)(const Counts&);
};

const std::array<Column, 8> columns{{
    {"sectors a load", 2,
     [](const Counts& c) { return share(double(c.p.loads.sectors), double(c.p.loads.requests)); }},
    {"sectors a store", 2,
     [](const Counts& c) { return share(double(c.p.stores.sectors), double(c.p.stores.requests)); }},
    {"moved / asked", 2,
     [](const Counts& c) {
       return share(double(c.p.loads.bytes_moved + c.p.stores.bytes_moved),
                    double(c.p.loads.bytes_requested + c.p.stores.bytes_requested));
     }},
    {"moved / minimum", 2,
     [](const Counts& c) {
       return share(double(c.p.loads.bytes_moved + c.p.stores.bytes_moved), c.minimum);
     }},
    {"wavefronts a shared access", 2,
     [](const Counts& c) { return share(double(c.p.shared_wavefronts), double(c.p.shared_requests)); }},
    {"bank conflicts", 0, [](const Counts& c) { return double(c.p.bank_conflicts); }},
    {"barriers a block", 2, [](const Counts& c) { return share(double(c.p.barriers), double(c.p.blocks)); }},
    {"partial %", 1,
     [](const Counts& c) { return 100 * share(double(c.p.partial_instructions), double(c.p.instructions)); }},
}};

std::string text_of(double value, int digits) {
  if (value == 0) return "-";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line.substr(std::min<std::size_t>(2, line.size())));
  for (std::string cell; std::getline(in, cell, '|');) {
    const auto first = cell.find_first_not_of(' '), last = cell.find_last_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

double number_of(const std::string& cell, const std::string& line) {
  if (cell == "-") return 0;
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(cell, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  require(used == cell.size() && used > 0, "kernel profile: given `", cell, "` in `", line,
          "`, expected a number or -, write the table again");
  return value;
}

Row parse_row(const std::string& line) {
  const std::vector<std::string> cells = cells_of(line);
  require(cells.size() == columns.size() + 2, "kernel profile: given ", cells.size(), " cells in `", line,
          "`, expected ", columns.size() + 2, ", write the table again");
  Row row{cells[0].substr(1, cells[0].size() - 2), cells[1], {}};
  for (std::size_t i = 2; i < cells.size(); ++i) row.values.push_back(number_of(cells[i], line));
  return row;
}

// Returns where the table begins and ends in the page.
std::pair<std::size_t, std::size_t> table_range(const std::string& page) {
  const auto begin = page.find(begin_marker), end = page.find(end_marker);
  require(begin != std::string::npos && end != std::string::npos && begin < end,
          "kernel profile: given a page without the markers, expected ", begin_marker, " and then ",
          end_marker, ", add them");
  return {begin + begin_marker.size(), end};
}

const Row* find(const std::vector<Row>& rows, const Row& like) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& r) {
    return r.kernel == like.kernel && r.sizes == like.sizes;
  });
  return found == rows.end() ? nullptr : &*found;
}

void compare_row(const Row& was, const Row& is, double tolerance, Verdict& verdict) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const double rounding = 0.5 * std::pow(10.0, -columns[i].digits);
    const double slack = tolerance * was.values[i] + rounding;
    if (std::abs(is.values[i] - was.values[i]) <= slack) continue;
    std::ostringstream line;
    line << is.kernel << " (" << is.sizes << "): " << columns[i].name << " " << is.values[i] << ", recorded "
         << was.values[i];
    if (was.values[i] > 0) line << ", " << 100 * (is.values[i] / was.values[i] - 1) << " %";
    (is.values[i] > was.values[i] ? verdict.worse : verdict.improved).push_back(line.str());
  }
}

}  // namespace

const std::vector<std::string>& column_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Column& column : columns) list.emplace_back(column.name);
    return list;
  }();
  return names;
}

Row row_of(const std::string& kernel, const std::string& sizes, const simt::KernelProfile& counts,
           double minimum) {
  Row row{short_name(kernel), sizes, {}};
  for (const Column& column : columns) row.values.push_back(column.value({counts, minimum}));
  return row;
}

std::string to_markdown(const std::vector<Row>& rows) {
  std::ostringstream out;
  out << "| kernel | sizes |";
  for (const std::string& name : column_names()) out << ' ' << name << " |";
  out << "\n|---|---|";
  for (std::size_t i = 0; i < columns.size(); ++i) out << "---:|";
  for (const Row& row : rows) {
    out << "\n| `" << row.kernel << "` | " << row.sizes << " |";
    for (std::size_t i = 0; i < columns.size(); ++i)
      out << ' ' << text_of(row.values[i], columns[i].digits) << " |";
  }
  return out.str();
}

std::vector<Row> read_rows(const std::string& page) {
  const auto [begin, end] = table_range(page);
  std::istringstream in(page.substr(begin, end - begin));
  std::vector<Row> rows;
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("| `")) rows.push_back(parse_row(line));
  return rows;
}

std::string with_rows(const std::string& page, const std::vector<Row>& rows) {
  const auto [begin, end] = table_range(page);
  return page.substr(0, begin) + "\n\n" + to_markdown(rows) + "\n\n" + page.substr(end);
}

Verdict compare(const std::vector<Row>& recorded, const std::vector<Row>& measured, double tolerance) {
  Verdict verdict;
  for (const Row& is : measured) {
    const Row* const was = find(recorded, is);
    if (was == nullptr)
      verdict.worse.push_back(is.kernel + " (" + is.sizes + "): is not in the table");
    else
      compare_row(*was, is, tolerance, verdict);
  }
  for (const Row& was : recorded)
    if (find(measured, was) == nullptr)
      verdict.worse.push_back(was.kernel + " (" + was.sizes + "): is in the table and did not run");
  return verdict;
}

}  // namespace stillpoint::profile
