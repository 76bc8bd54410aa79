// The parts of a report on runs that can be compared.
#pragma once
#include <string>
#include <vector>

#include "tasks/drawing/html.h"
#include "tasks/report/run_data.h"
#include "tasks/report/run_tables.h"

namespace stillpoint::report {

using namespace drawing;

// Runs of one task on the same data. The k-th run has the k-th line style.
struct Group {
  std::string id;    // of the section
  std::string name;  // the task and its data set
  std::vector<const RunData*> runs;
};

// Turns "loss_recalled" into "loss recalled".
std::string spaced(std::string name);
std::vector<TableColumn> columns_of(const Group& group);

// Each writes nothing if no run has anything to show.
void write_remarks(HtmlWriter& out, const Group& group);
void write_results(HtmlWriter& out, const Group& group);
void write_settings(HtmlWriter& out, const Group& group);
void write_curves(HtmlWriter& out, const Group& group);  // with the statistics of solvers
void write_classes(HtmlWriter& out, const Group& group);
void write_spectra(HtmlWriter& out, const Group& group);
void write_pictures(HtmlWriter& out, const Group& group);

}  // namespace stillpoint::report
