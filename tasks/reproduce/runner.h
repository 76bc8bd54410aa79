// Training runs as processes of their own, several at once.
#pragma once
#include <ostream>
#include <vector>

#include "tasks/reproduce/job.h"

namespace stillpoint {

struct RunnerOptions {
  Index workers = 1;
  int threads = 1;  // of each
  std::string device = "auto";
  double seconds = 0;  // after which no further run is started; 0: all are
};

// Runs what is not finished, in the given order, goes on with what was begun, and leaves in each folder
// log.txt and reproduce.json (the command, seconds, processor seconds, over all attempts). The caller holds
// an InterruptGuard: what it hears is passed on to the runs, which save. 0 where every run that was started
// has finished, 130 after an interrupt, else 1.
int run_jobs(const std::vector<Job>& jobs, const RunnerOptions& options, std::ostream& out);

// What the job's folder records: the command with which it was begun, seconds, processor seconds, threads;
// the job's own command alone where nothing is recorded.
Json attempt_of(const Job& job);

inline constexpr const char* attempt_name = "reproduce.json";

}  // namespace stillpoint
