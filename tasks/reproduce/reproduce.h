// Reproduces the paper's tables and figures.
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
  std::string only;              // only cells whose preset has this in its name
  Index seeds = 3;               // the seeds are 1, 2, ...
  Index trials = 0;              // of a search before the runs; 0: the shipped settings
  double minutes = 0;            // for this call; 0: all epochs of the settings
  bool dry = false;              // print only the plan
  RunnerOptions runner = {};
};

// Searches (if asked to), trains, tests, and writes TABLE.{md,json} or the figure to the folder. Finished
// runs are used as they are, and interrupted ones are resumed; figures use the runs of the tables. With a
// budget every run gets an equal share of the time; runs that need less get what they need, and none gets
// less than an epoch. Returns 0 if everything is done, 130 after an interrupt, else 1. In any case it writes
// the table of the runs that exist.
int reproduce(const ReproduceRequest& request, std::ostream& out);

}  // namespace stillpoint
