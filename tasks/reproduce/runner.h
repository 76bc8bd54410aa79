// Runs training jobs in their own processes, more than one at a time.
#pragma once
#include <ostream>
#include <vector>

#include "tasks/reproduce/job.h"

namespace stillpoint {

struct RunnerOptions {
  Index workers = 1;
  int threads = 1;  // per run
  std::string device = "auto";
  double seconds = 0;  // no further run starts after this time; 0: all start
};

// Runs the unfinished jobs in the given order, and resumes those that were interrupted. Leaves log.txt and
// reproduce.json (the command, seconds and processor seconds over all attempts) in each folder. The caller
// holds an InterruptGuard; signals are passed on to the runs, which then save. Returns 0 if every run that
// was started has finished, 130 after an interrupt, else 1.
int run_jobs(const std::vector<Job>& jobs, const RunnerOptions& options, std::ostream& out);

// Returns the record in the job's folder: the command with which it was begun, seconds, processor seconds and
// threads; or only the job's command if there is no record.
Json attempt_of(const Job& job);

inline constexpr const char* attempt_name = "reproduce.json";

}  // namespace stillpoint
