// Plans the runs, their times and their order, and writes the tables and figures from them.
#include "tasks/reproduce/reproduce.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>

#include "engine/io/files.h"
#include "tasks/io/numbers.h"
#include "tasks/process/clock.h"
#include "tasks/process/interrupt.h"
#include "tasks/process/processes.h"
#include "tasks/reproduce/budget.h"
#include "tasks/reproduce/figure.h"
#include "tasks/reproduce/paper_table.h"
#include "tasks/selftest/info.h"
#include "tasks/training/folder_lock.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

class Reproduction {
 public:
  Reproduction(const ReproduceRequest& request, std::ostream& out);
  int run();

 private:
  void add_jobs();
  void leave_out_without_data();
  void search();
  void search_cell(const PaperCell& cell, double seconds);
  void plan();
  double seconds_of_epoch(const Job& job);
  double seconds_to_go(const Job& job);  // for an unfinished job
  void print_plan() const;
  void print_commands();
  std::vector<Job> with_earlier_runs() const;
  double seconds_left() const {
    return request_.minutes == 0 ? 0 : std::max(1.0, 60 * request_.minutes - seconds_since(begun_));
  }
  std::vector<std::string> pictures(const PaperCell& cell) const;

  const ReproduceRequest& request_;
  std::ostream& out_;
  Clock::time_point begun_ = Clock::now();
  const PaperTable& table_;
  JobSources sources_;
  std::vector<Job> jobs_;
  std::map<const PaperCell*, std::string> missing_;  // the reason why a cell has no runs
  std::map<std::string, double> epoch_seconds_;      // measured, by preset and file
};

std::string table_behind(const std::string& what) {
  return what == "fig4" ? "table1" : what == "fig5" ? "table3" : what;
}

Reproduction::Reproduction(const ReproduceRequest& request, std::ostream& out)
    : request_(request),
      out_(out),
      table_(paper_table(table_behind(request.what))),
      sources_{fs::absolute(request.folder), {}} {
  const char* const usual = std::getenv("STILLPOINT_DATA");
  if (!request.data.empty())
    sources_.data = fs::absolute(request.data);
  else if (usual != nullptr && *usual != 0 && learns_pictures(table_))
    sources_.data = fs::absolute(usual);
}

// Returns one picture of each set for the figure, and all of them for the table.
std::vector<std::string> Reproduction::pictures(const PaperCell& cell) const {
  if (!learns_pictures(table_)) return {""};
  std::vector<std::string> found = pictures_in(sources_.data, cell.data);
  if (request_.what == "fig5" && found.size() > 1) found.resize(1);
  return found;
}

// Seeds are the outermost loop, so that a budget cuts off the last seed of every cell and not the last cells.
void Reproduction::add_jobs() {
  const bool figure = request_.what.starts_with("fig");
  for (Index seed = 1; seed <= (figure ? 1 : request_.seeds); ++seed)
    for (const PaperCell& cell : table_.cells) {
      if (cell.preset.find(request_.only) == std::string::npos) continue;
      for (const std::string& picture : pictures(cell))
        jobs_.push_back(make_job(table_, cell, sources_, seed, picture));
      if (learns_pictures(table_) && pictures(cell).empty())
        missing_[&cell] = "no PNG or JPEG files in " + (sources_.data / cell.data).string() +
                          "; name the folder that holds " + cell.data + "/ with --data or STILLPOINT_DATA";
    }
  require(!jobs_.empty() || !missing_.empty(), "reproduce: given --only ", request_.only,
          ", expected a part of the name of one of ", table_.name, "'s presets, as in ",
          table_.cells[0].preset);
}

void Reproduction::leave_out_without_data() {
  std::erase_if(jobs_, [&](const Job& job) {
    if (job.finished() || job.begun()) return false;
    if (!missing_.contains(job.cell)) {
      std::string& why = missing_[job.cell];
      const Json config = job.config();  // throws Error if the settings are bad
      try {
        task_kind(table_.task).make(config, Device::cpu);
      } catch (const Error& error) {
        why = std::string(error.what()).substr(0, std::string(error.what()).find('\n'));
      }
    }
    return !missing_[job.cell].empty();
  });
  for (const auto& [cell, why] : missing_)
    if (!why.empty()) out_ << "left out: " << cell->preset << ": " << why << "\n";
}

// Runs `tune` in its own processes. Ctrl-C, or the end of its time, ends it as Ctrl-C would at the keyboard.
// The next call continues the study.
void Reproduction::search_cell(const PaperCell& cell, double seconds) {
  const fs::path folder = found_settings(sources_, cell).parent_path();
  std::vector<std::string> arguments = search_arguments(table_, cell, sources_, pictures(cell)[0]);
  arguments.insert(arguments.end(),
                   {"--trials", text(request_.trials), "--workers", text(request_.runner.workers),
                    "--threads", text(request_.runner.threads), "--device", request_.runner.device});
  make_folder(folder);
  const int process = start_copy(arguments, folder / "log.txt");
  const Clock::time_point begun = Clock::now();
  bool over = false;
  EndOfChildren ending;
  for (;;) {
    over = over || InterruptGuard::interrupted() || (seconds > 0 && seconds_since(begun) > seconds);
    if (over) ending.pass_on({process}, out_);
    if (const std::optional<ProcessEnd> end = poll_ended(); end && end->process == process) {
      require(end->code == 0 || over, "reproduce: the search for ", cell.preset, " ended with code ",
              end->code, ", expected 0, see ", (folder / "log.txt").string());
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  out_ << "search for " << cell.preset << ": "
       << (fs::exists(found_settings(sources_, cell))
               ? "best settings in " + found_settings(sources_, cell).string()
               : "no trial is complete, the shipped settings are used")
       << " after " << format_duration(seconds_since(begun)) << std::endl;
}

void Reproduction::search() {
  std::vector<const PaperCell*> cells;
  for (const Job& job : jobs_)
    if (!job.finished() && !job.begun() && std::find(cells.begin(), cells.end(), job.cell) == cells.end())
      cells.push_back(job.cell);
  const double half = seconds_left() / 2;
  for (const PaperCell* cell : cells)
    if (!InterruptGuard::interrupted()) search_cell(*cell, half / double(cells.size()));
}

double Reproduction::seconds_of_epoch(const Job& job) {
  const auto [at, fresh] = epoch_seconds_.try_emplace(job.settings.preset + job.settings.config, 0);
  if (fresh)
    at->second = seconds_per_epoch(job, device_named(request_.runner.device), sources_.folder / "probe");
  return at->second;
}

double Reproduction::seconds_to_go(const Job& job) {
  const Index epochs = job.begun() ? job.epochs_left() : job.config().at("epochs").get<Index>();
  return seconds_of_epoch(job) * double(epochs);
}

void Reproduction::plan() {
  if (request_.minutes == 0) return;
  std::vector<double> wanted;
  std::vector<Job*> open;
  double begun = 0;  // seconds for the runs whose epochs are already fixed
  for (Job& job : jobs_) {
    if (job.finished() || InterruptGuard::interrupted()) continue;
    if (job.begun()) {
      begun += seconds_to_go(job);
      continue;
    }
    open.push_back(&job);
    wanted.push_back(seconds_to_go(job));
  }
  const double left = seconds_left() * double(request_.runner.workers) - begun;
  const double share = fair_share(wanted, std::max(0.0, left));
  std::set<std::string> told;
  for (std::size_t i = 0; i < open.size(); ++i) {
    if (wanted[i] <= share || InterruptGuard::interrupted()) continue;
    Job brief = *open[i];
    shorten(brief, 1);
    const double epoch = seconds_of_epoch(brief);
    if (epoch > share && told.insert(brief.settings.preset).second)
      out_ << "warning: one epoch of " << brief.settings.preset << " takes about " << format_duration(epoch)
           << ", and a run's share of the budget is " << format_duration(share)
           << "; each of its runs takes one epoch all the same, raise --budget or choose cells by --only\n";
    shorten(*open[i], std::max<Index>(1, Index(share / epoch)));
  }
}

// Prints each command with the time that a run would take with its threads to itself, and the time of all
// that is open.
void Reproduction::print_commands() {
  std::map<std::string, std::pair<Index, double>> commands;  // number of runs, seconds of each
  double all = 0;
  for (const Job& job : jobs_) {
    if (job.finished() || InterruptGuard::interrupted()) continue;
    const double seconds = seconds_to_go(job);
    all += seconds;
    if (job.begun()) continue;
    auto& [count, each] = commands[job.command()];
    ++count;
    each = seconds;
  }
  for (const auto& [command, run] : commands)
    out_ << run.first << " x " << command << ", about " << format_duration(run.second) << "\n";
  out_ << "about " << format_duration(all / double(request_.runner.workers)) << " in all, without evaluations"
       << std::endl;
}

void Reproduction::print_plan() const {
  Index finished = 0;
  for (const Job& job : jobs_) finished += job.finished();
  out_ << jobs_.size() << " runs, " << finished << " of them finished, " << request_.runner.workers
       << " at a time with " << request_.runner.threads << " threads each; in "
       << shown(sources_.folder.string()) << "\n";
  std::map<std::string, Index> other;
  for (const Job& job : jobs_)
    if (job.finished() && !(job.ran_as_planned() && job.ran_on_these_data())) ++other[job.cell->preset];
  for (const auto& [preset, count] : other)
    out_ << count << " finished runs of " << preset
         << " had other settings, epochs or data than they would have now; "
         << "remove their folders to run them again\n";
  out_ << std::flush;
}

// A call for a part of the table also writes the runs that earlier calls have left there.
std::vector<Job> Reproduction::with_earlier_runs() const {
  std::vector<Job> all = jobs_;
  constexpr Index most_seeds = 16;
  for (const PaperCell& cell : table_.cells)
    for (const std::string& picture : pictures(cell))
      for (Index seed = 1; seed <= std::max(request_.seeds, most_seeds); ++seed) {
        Job job = make_job(table_, cell, sources_, seed, picture);
        const bool planned = std::any_of(jobs_.begin(), jobs_.end(),
                                         [&](const Job& other) { return other.folder == job.folder; });
        if (!planned && job.finished()) all.push_back(std::move(job));
      }
  return all;
}

int Reproduction::run() {
  const InterruptGuard guard;
  add_jobs();
  leave_out_without_data();
  if (request_.trials > 0 && !request_.dry) {
    search();
    jobs_.clear();
    missing_.clear();
    add_jobs();  // with the settings that the search found
    leave_out_without_data();
  }
  plan();
  print_plan();
  if (request_.dry) {
    print_commands();
    return 0;
  }
  RunnerOptions options = request_.runner;
  options.seconds = seconds_left();
  int code = run_jobs(jobs_, options, out_);
  if (request_.what == "fig4") {
    write_training_curves(jobs_, sources_.folder, out_);
  } else if (request_.what == "fig5") {
    std::stable_sort(jobs_.begin(), jobs_.end(),
                     [](const Job& a, const Job& b) { return a.settings.image < b.settings.image; });
    write_predictions(jobs_, sources_.folder, out_);
  } else {
    out_ << "\n"
         << write_table(table_, with_earlier_runs(), sources_.folder) << "\nwritten to "
         << shown((sources_.folder / table_.name).string()) << ".md and .json" << std::endl;
  }
  if (jobs_.empty()) code = 1;
  const bool complete =
      std::all_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.finished(); });
  return code == 0 && !complete ? 1 : code;
}

}  // namespace

int reproduce(const ReproduceRequest& request, std::ostream& out) {
  make_folder(request.folder);
  if (request.what == "fig2") {
    write_spectra(request.folder, out);
    return 0;
  }
  if (request.dry) return Reproduction(request, out).run();
  const FolderLock lock(request.folder, "reproduce", "wait for it and its runs, or choose another --folder",
                        true);
  return Reproduction(request, out).run();
}

}  // namespace stillpoint
