// Starts training runs, watches them, and records their times.
#include "tasks/reproduce/runner.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "engine/io/files.h"
#include "tasks/io/numbers.h"
#include "tasks/process/clock.h"
#include "tasks/process/interrupt.h"
#include "tasks/process/processes.h"
#include "tasks/settings/registry.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

struct Running {
  int process;
  const Job* job;
  Clock::time_point begun;
};

class Runner {
 public:
  Runner(const std::vector<Job>& jobs, const RunnerOptions& options, std::ostream& out)
      : options_(options), out_(out) {
    for (const Job& job : jobs)
      if (!job.finished()) pending_.push_back(&job);
    total_ = pending_.size();
  }
  int run();

 private:
  void start(const Job& job);
  void end(const ProcessEnd& end);
  bool may_start() const {
    return !InterruptGuard::interrupted() &&
           (options_.seconds == 0 || seconds_since(begun_) < options_.seconds);
  }

  RunnerOptions options_;
  std::ostream& out_;
  Clock::time_point begun_ = Clock::now();
  std::vector<const Job*> pending_;
  std::size_t next_ = 0, total_ = 0, ended_ = 0;
  std::vector<Running> running_;
  bool failed_ = false;
};

void Runner::start(const Job& job) {
  std::vector<std::string> arguments;
  if (job.begun()) {
    arguments = {"train", job.table->task};
    if (!job.settings.image.empty()) arguments.insert(arguments.end(), {"--image", job.settings.image});
    if (!job.settings.data.empty()) arguments.insert(arguments.end(), {"--data", job.settings.data});
    arguments.push_back("--resume");
  } else {
    remove_own_folder(job.folder, job.folder.parent_path(),
                      attempt_name);  // the run ended before its first checkpoint
    make_folder(job.folder);
    write_atomically(job.folder / attempt_name, attempt_of(job).dump(2) + "\n");
    arguments = job.arguments();
    arguments.push_back("--run");
  }
  arguments.insert(arguments.end(),
                   {job.folder.string(), "--threads", text(options_.threads), "--device", options_.device});
  running_.push_back({start_copy(arguments, job.folder / "log.txt"), &job, Clock::now()});
}

void Runner::end(const ProcessEnd& end) {
  const auto at = std::find_if(running_.begin(), running_.end(),
                               [&](const Running& r) { return r.process == end.process; });
  if (at == running_.end()) return;
  const Running run = *at;
  running_.erase(at);
  ++ended_;
  Json attempt = attempt_of(*run.job);
  const double seconds = attempt["seconds"].get<double>() + seconds_since(run.begun);
  attempt["seconds"] = seconds;
  attempt["processor_seconds"] = attempt["processor_seconds"].get<double>() + end.processor_seconds;
  attempt["threads"] = options_.threads;
  write_atomically(run.job->folder / attempt_name, attempt.dump(2) + "\n");
  out_ << "[" << ended_ << "/" << total_ << "] " << shown(run.job->name()) << ": ";
  if (run.job->finished()) {
    out_ << "test " << run.job->table->metric << " " << readable(run.job->test_metric()) << " after "
         << format_duration(seconds) << std::endl;
    return;
  }
  const bool saved = end.code == stopped_code || InterruptGuard::interrupted();
  failed_ = failed_ || !saved;
  out_ << (saved ? "interrupted" : "failed") << ", see " << shown((run.job->folder / "log.txt").string())
       << std::endl;
}

int Runner::run() {
  EndOfChildren ending;
  while (!running_.empty() || (next_ < pending_.size() && may_start())) {
    while (next_ < pending_.size() && Index(running_.size()) < options_.workers && may_start())
      start(*pending_[next_++]);
    if (InterruptGuard::interrupted()) {
      std::vector<int> children;
      for (const Running& run : running_) children.push_back(run.process);
      ending.pass_on(children, out_);
    }
    if (const std::optional<ProcessEnd> ended = poll_ended())
      end(*ended);
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  if (InterruptGuard::interrupted()) return stopped_code;
  if (next_ < pending_.size())
    out_ << pending_.size() - next_ << " runs were not started: the budget is used up\n";
  return failed_ ? 1 : 0;
}

}  // namespace

Json attempt_of(const Job& job) {
  const fs::path path = job.folder / attempt_name;
  Json attempt = fs::exists(path) ? read_json_file(path) : Json{{"command", job.command()}};
  for (const char* taken : {"seconds", "processor_seconds"})
    if (attempt.is_object() && !attempt.contains(taken))
      attempt[taken] = 0.0;
    else
      number_of(attempt, taken, path.string());
  return attempt;
}

int run_jobs(const std::vector<Job>& jobs, const RunnerOptions& options, std::ostream& out) {
  return Runner(jobs, options, out).run();
}

}  // namespace stillpoint
