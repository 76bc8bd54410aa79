// The paper's tables and figures, run anew.
#pragma once
#include <filesystem>
#include <ostream>
#include <string>

#include "tasks/reproduce/runner.h"

namespace stillpoint {

struct ReproduceRequest {
  std::string what;              // table1, table2, table3, fig2, fig4 or fig5
  std::filesystem::path folder;  // of runs, tables and figures
  std::filesystem::path data;    // empty: $STILLPOINT_DATA
  std::string only;              // cells whose preset has this in its name
  Index seeds = 3;               // 1, 2, ...
  Index trials = 0;              // of a search before the runs; 0: the shipped settings
  double minutes = 0;            // of this call; 0: all epochs of the settings
  bool dry = false;              // the plan alone
  RunnerOptions runner = {};
};

// Searches (where asked for), trains, tests, and writes TABLE.{md,json} or the figure to the folder. Runs
// that are finished are used as they are, those that were begun are gone on with; the figures take the runs
// of the tables. With a budget every run gets an equal share of the time, those that need less get what they
// need, and none less than an epoch. 0 where all is there, 130 after an interrupt, else 1; the table of what
// is there is written in any case.
int reproduce(const ReproduceRequest& request, std::ostream& out);

}  // namespace stillpoint
