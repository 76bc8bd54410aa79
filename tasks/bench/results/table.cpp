// Lays out rows in columns; one list of columns serves every format.
#include "tasks/bench/results/table.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/words.h"
#include "tasks/bench/sweep.h"
#include "tasks/io/numbers.h"

namespace stillpoint::bench {
namespace {

struct Column {
  std::string title;
  std::function<std::string(const Row&)> cell;
  bool result = true;  // false: left out if all rows agree
  bool left = false;   // aligned left
};

std::string number_cell(double value) { return std::isfinite(value) ? readable(value) : std::string(); }

std::string percent(double value) {
  return std::isfinite(value) ? text(std::lround(value * 100), " %") : std::string();
}

std::string spread(const Timing& ms) {
  return std::isfinite(ms.low) ? number_cell(ms.low) + "-" + number_cell(ms.high) : std::string();
}

std::string solved(const Evaluations& e) {
  return std::isfinite(e.forward) ? number_cell(e.forward) + " + " + number_cell(e.backward) : std::string();
}

std::string times_ours(const Row& r) {
  if (!std::isfinite(r.times_ours)) return {};
  return number_cell(r.times_ours) + " (" + number_cell(r.times_ours_low) + "-" +
         number_cell(r.times_ours_high) + ")";
}

Column about(std::string title, std::function<std::string(const Row&)> cell) {
  return {std::move(title), std::move(cell), false, true};
}

const Axes& axes_of(const Row& row) {
  static const Axes none;
  for (const Workload& w : workloads())
    if (w.name == row.workload) return w.axes;
  return none;
}

// A number of counts, or of an object in it.
std::string count(const Row& row, const std::string& name, const std::string& inner = {}) {
  const Json value = row.counts.is_object() ? row.counts.value(name, Json()) : Json();
  if (inner.empty()) return value.is_number() ? number_cell(value.get<double>()) : std::string();
  const Json part = value.is_object() ? value.value(inner, Json()) : Json();
  return part.is_number() ? number_cell(part.get<double>()) : std::string();
}

std::vector<Column> columns() {
  std::vector<Column> all{
      {"workload", [](const Row& r) { return r.workload; }, true, true},
      about("sizes", [](const Row& r) { return words_of(axes_of(r), r.sizes); }),
      about("program", [](const Row& r) { return r.program; }),
      about("device", [](const Row& r) { return r.device; }),
      about("precision", [](const Row& r) { return r.precision; }),
      about("threads", [](const Row& r) { return std::to_string(r.threads); }),
      {"ms", [](const Row& r) { return number_cell(r.ms.median); }},
      {"95 %", [](const Row& r) { return spread(r.ms); }},
      {"p10", [](const Row& r) { return number_cell(r.ms.p10); }},
      {"p90", [](const Row& r) { return number_cell(r.ms.p90); }},
      {"graph ms", [](const Row& r) { return number_cell(r.replayed_ms); }},
      {"cold ms", [](const Row& r) { return number_cell(r.cold_ms); }},
      {"examples/s", [](const Row& r) { return number_cell(r.examples_per_second()); }},
      {"GFLOP/s", [](const Row& r) { return r.work.flops > 0 ? number_cell(r.gflops()) : ""; }},
      {"GB/s", [](const Row& r) { return number_cell(r.gbytes()); }},
      {"flop/B", [](const Row& r) { return r.work.flops > 0 ? number_cell(r.intensity()) : ""; }},
      {"of roof", [](const Row& r) { return percent(r.roof_share()); }},
      {"MB", [](const Row& r) { return number_cell(r.memory_bytes / 1e6); }},
      {"allocations", [](const Row& r) { return number_cell(r.allocations); }, false},
      {"f + adjoint", [](const Row& r) { return solved(r.solved); }},
      {"x SIM", [](const Row& r) { return number_cell(r.times_sim); }},
      {"x ours", [](const Row& r) { return times_ours(r); }},
      about("others' cores", [](const Row& r) { return r.quiet() ? "" : number_cell(r.others); }),
  };
  for (const auto& [title, name] :
       std::initializer_list<std::pair<const char*, const char*>>{{"launches", "launches"},
                                                                  {"library calls", "library_calls"},
                                                                  {"chain", "chain"},
                                                                  {"waits", "waits"},
                                                                  {"moved MB", "moved_mb"},
                                                                  {"moved / least", "moved_per_least"},
                                                                  {"sectors a request", "sectors_a_request"},
                                                                  {"bank conflicts", "bank_conflicts"}})
    all.push_back({title, [name = name](const Row& r) { return count(r, name); }});
  for (const char* gpu : {"H200", "H100", "A100", "RTX 4090"})
    all.push_back({text(gpu, " model, ms"), [gpu](const Row& r) { return count(r, "modelled", gpu); }});
  return all;
}

// Leaves out what says nothing about these rows.
std::vector<Column> telling(std::vector<Column> all, const std::vector<Row>& rows) {
  std::erase_if(all, [&](const Column& column) {
    const auto same = [&](const std::string& cell) {
      return std::all_of(rows.begin(), rows.end(), [&](const Row& r) { return column.cell(r) == cell; });
    };
    return rows.empty() || same("") || (!column.result && rows.size() > 1 && same(column.cell(rows.front())));
  });
  return all;
}

std::string escaped(const std::string& cell, Format format) {
  std::string result;
  for (const char c : cell) {
    if (format == Format::latex && std::string_view("_%&#$").find(c) != std::string_view::npos)
      result += '\\';
    if (format == Format::md && c == '|') result += '\\';
    result += c;
  }
  return result;
}

std::size_t width_of(const std::string& cell) {  // in characters of a terminal
  return std::size_t(std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

using Lines = std::vector<std::vector<std::string>>;

void write_aligned(std::ostream& out, const std::vector<Column>& all, const Lines& lines, Format format) {
  std::vector<std::size_t> widths(all.size(), 0);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < all.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  const std::string before = format == Format::md ? "| " : "", between = format == Format::md ? " | " : "  ",
                    after = format == Format::md ? " |\n" : "\n";
  for (std::size_t n = 0; n < lines.size(); ++n) {
    std::string line = before;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string space(widths[i] - width_of(lines[n][i]), ' ');
      line += (i > 0 ? between : "") + (all[i].left ? lines[n][i] + space : space + lines[n][i]);
    }
    out << line << after;
    if (n > 0 || format != Format::md) continue;
    for (std::size_t i = 0; i < all.size(); ++i) out << "|" << (all[i].left ? "---" : "---:");
    out << "|\n";
  }
}

void write_latex(std::ostream& out, const std::vector<Column>& all, const Lines& lines) {
  out << "\\begin{tabular}{";
  for (const Column& column : all) out << (column.left ? "l" : "r");
  out << "}\n";
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) out << (i > 0 ? " & " : "") << line[i];
    out << " \\\\\n";
  }
  out << "\\end{tabular}\n";
}

std::string joined(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += (i > 0 ? "," : "") + cells[i];
  return line;
}

// CSV has the members of JSON rows that are one value, and those of `counts` after a dot.
void write_csv(std::ostream& out, const Document& document) {
  const auto flat = [](const Json& row) {
    Json values = Json::object();
    for (const auto& [name, value] : row.items()) {
      if (value.is_primitive() && name != "counts") values[name] = value;
      if (value.is_object())
        for (const auto& [inner, count] : value.items())
          if (count.is_primitive()) values[name + "." + inner] = count;
    }
    return values;
  };
  const Json json = to_json(document);
  std::vector<std::string> names;
  for (const Json& row : json["rows"]) {
    const Json values = flat(row);
    for (const auto& [name, value] : values.items())
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  out << joined(names) << "\n";
  for (const Json& row : json["rows"]) {
    const Json values = flat(row);
    std::vector<std::string> cells;
    for (const std::string& name : names) {
      const Json value = values.value(name, Json());
      std::string cell = value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
      if (cell.find_first_of(",\"") != std::string::npos) cell = value.dump();
      cells.push_back(cell);
    }
    out << joined(cells) << "\n";
  }
}

}  // namespace

Format format_named(const std::string& name) {
  for (const auto& [format, known] : {std::pair{Format::text, "text"},
                                      {Format::md, "md"},
                                      {Format::csv, "csv"},
                                      {Format::latex, "latex"},
                                      {Format::json, "json"}})
    if (name == known) return format;
  fail("--format: given '", shown(name), "', expected text, md, csv, latex or json, choose one");
}

void write_table(std::ostream& out, const Document& document, Format format) {
  if (format == Format::json) {
    out << to_json(document).dump(1) << "\n";
    return;
  }
  if (format == Format::csv) return write_csv(out, document);
  const std::vector<Column> all = telling(columns(), document.rows);
  Lines lines(1);
  for (const Column& column : all) lines[0].push_back(escaped(column.title, format));
  for (const Row& row : document.rows) {
    lines.emplace_back();
    for (const Column& column : all) lines.back().push_back(escaped(column.cell(row), format));
  }
  if (format == Format::latex) return write_latex(out, all, lines);
  write_aligned(out, all, lines, format);
}

}  // namespace stillpoint::bench
