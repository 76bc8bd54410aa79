// Writes rows as a table: for a terminal, Markdown, CSV, LaTeX.
#pragma once
#include <ostream>

#include "tasks/bench/results/row.h"

namespace stillpoint::bench {

enum class Format { text, md, csv, latex, json };
Format format_named(const std::string& name);

// Columns that are empty in all rows, or the same in all of them and not a result, are left out of every
// format but CSV. JSON is the whole document.
void write_table(std::ostream& out, const Document& document, Format format);

}  // namespace stillpoint::bench
