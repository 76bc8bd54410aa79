// Reads the flags of `stillpoint bench`, measures row after row, and writes what came.
#include "tasks/command/cli_bench.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <optional>
#include <sstream>

#include "engine/io/files.h"
#include "engine/words.h"
#include "tasks/bench/bench.h"
#include "tasks/bench/beside.h"
#include "tasks/bench/gpu/emulated.h"
#include "tasks/bench/peer.h"
#include "tasks/bench/results/compare.h"
#include "tasks/bench/results/figures.h"
#include "tasks/bench/results/table.h"
#include "tasks/command/cli_errors.h"
#include "tasks/command/cli_values.h"
#include "tasks/io/numbers.h"
#include "tasks/io/progress.h"
#include "tasks/process/interrupt.h"
#include "tasks/process/processes.h"
#include "tasks/selftest/info.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using bench::Document;
using bench::Row;

std::string list_line(const bench::Workload& w) {
  std::ostringstream line;
  line << std::left << std::setw(40) << w.name << " " << w.summary;
  if (const std::string sizes = bench::words_of(w.axes, w.usual); !sizes.empty())
    line << " (" << sizes << ")";
  if (!w.axes.solvers.empty()) line << "; solvers " << join(w.axes.solvers);
  return line.str();
}

// "10%" -> 0.1
double read_share(const std::string& given) {
  double percent = 0;
  const bool read = read_number(given.substr(0, given.size() - (given.ends_with('%') ? 1 : 0)), percent);
  require(read && percent >= 0 && percent < 1e6, "--worse: given '", shown(given),
          "', expected a percentage such as 10%, correct the value");
  return percent / 100;
}

// What measured the rows, and how.
Json machine(const BenchFlags& flags, const std::vector<std::string>& arguments) {
  Json facts = made_by(arguments);
  facts["rounds"] = flags.rounds;
  facts["seconds"] = flags.seconds;
  facts["beside"] = flags.beside;
  return facts;
}

// Shows on a terminal which row is measured, and reports those that failed.
class RowCounter {
 public:
  RowCounter(std::ostream& err, std::size_t rows)
      : err_(err), rows_(rows), shown_(is_terminal(STDERR_FILENO)) {}
  ~RowCounter() { clear(); }

  bench::Watcher watcher() {
    return {.begins = [this](std::size_t row, const std::string& name) { begin(row, name); },
            .failed = [this](const std::string& name, const std::exception& why) { fail(name, why); }};
  }
  bool any_failed() const { return failed_; }

 private:
  void clear() {
    if (shown_) err_ << "\r\033[K" << std::flush;
  }
  void begin(std::size_t row, const std::string& name) {
    clear();
    if (shown_) err_ << row + 1 << " of " << rows_ << ": " << name << std::flush;
  }
  void fail(const std::string& name, const std::exception& why) {
    clear();
    err_ << program_name() << ": " << name << " is left out: " << shown_message(explained(why)) << std::endl;
    failed_ = true;
  }

  std::ostream& err_;
  std::size_t rows_;
  bool shown_, failed_ = false;
};

void write_out(const Document& document, const fs::path& folder) {
  std::ostringstream table;
  bench::write_table(table, document, bench::Format::md);
  write_atomically(folder / "bench.md", table.str());
  write_atomically(folder / "bench.json", bench::to_json(document).dump(1) + "\n");
  bench::write_figures(document, folder);
}

void warn_of_others(const Document& document, int beside, std::ostream& err) {
  const auto loud = std::count_if(document.rows.begin(), document.rows.end(),
                                  [](const Row& r) { return r.others >= bench::quiet_below; });
  if (loud > 0 && beside == 0)
    err << program_name() << ": other programs used the cores during " << loud << " of "
        << document.rows.size()
        << " rows, so these times are not those of a quiet machine; see the column \"others' cores\"\n";
}

}  // namespace

void BenchFlags::add_to(CLI::App& app) {
  const auto counts = [&](const char* flag, auto& values, const char* help, std::int64_t low,
                          std::int64_t high) {
    app.add_option(flag, values, help)->delimiter(',')->transform(whole_number(low, high));
  };
  app.add_option("WHAT", sweep.patterns, "names of workloads, or shell patterns; default: 'step/*'");
  app.add_flag("--list", list, "print the names of the workloads (that WHAT matches), measure nothing");
  app.add_option("--device", device,
                 "auto, cpu or cuda; emulated: count what a GPU would do, and model how long it would take")
      ->transform(choice({"auto", "cpu", "cuda", "emulated"}));
  counts("--threads", sweep.threads, "CPU threads, a list such as 1,2; default: all cores that may be used",
         1, 4096);
  counts("--batch", sweep.batch, "examples of a call, a list; as every list, it is a sweep", 1, 10000000);
  counts("--length", sweep.length, "positions of a sequence, or the side of an image, a list", 1, 10000000);
  counts("--width", sweep.width, "features, a list", 1, 1000000);
  counts("--evaluations", sweep.evaluations, "evaluations of f in each solve, a list; no tolerance ends them",
         1, 10000);
  app.add_option("--tolerance", sweep.tolerance, "residuals at which solves end, a list")
      ->delimiter(',')
      ->transform(number(0, 1e6, true));
  app.add_option("--solver", sweep.solvers, "methods of the solves, a list such as broyden,anderson")
      ->delimiter(',');
  app.add_option("--precision", sweep.precisions,
                 "precisions of matrix products, a list of float32, tf32, bf16")
      ->delimiter(',')
      ->transform(choice({"float32", "tf32", "bf16"}));
  app.add_option("--seconds", seconds, "time of a row's round")
      ->transform(number(0, 3600))
      ->capture_default_str();
  app.add_option("--rounds", rounds, "rounds of each row")
      ->transform(whole_number(1, 1000))
      ->capture_default_str();
  app.add_option("--beside", beside, "endless loops that run beside the measurement")
      ->transform(whole_number(0, 1024))
      ->capture_default_str();
  app.add_option("--peer", peers,
                 "other programs to measure in turn with this one, a list of " + join(bench::peer_names()))
      ->delimiter(',')
      ->transform(choice(bench::peer_names()));
  app.add_option("--python", python, "Python of the peers; default: $STILLPOINT_PYTHON, or the usual one");
  app.add_option("--format", format, "text, md, csv, latex or json")
      ->transform(choice({"text", "md", "csv", "latex", "json"}))
      ->capture_default_str();
  app.add_option("--out", out_folder, "folder for bench.md, bench.json and figures");
  app.add_option("--compare", compare_with, "JSON of an older run: print changes beyond noise");
  app.add_option("--worse", worse, "how much slower than the older run a row may be before the command fails")
      ->capture_default_str();
}

void BenchFlags::refuse_idle_flags(const CLI::App& app) const {
  if (compare_with.empty()) refuse_idle(app, {"--worse"}, "no --compare");
  if (device == "emulated")
    refuse_idle(app, {"--seconds", "--rounds", "--beside", "--peer", "--python", "--threads"},
                "--device emulated");
  if (peers.empty()) refuse_idle(app, {"--python"}, "no --peer");
  require(peers.empty() || sweep.tolerance.empty(),
          "--tolerance: given with --peer, expected --evaluations, ",
          "because peers make a fixed number of evaluations; use it");
}

int BenchFlags::run(const CLI::App& app, const std::vector<std::string>& arguments, std::ostream& out,
                    std::ostream& err) {
  if (sweep.patterns.empty()) sweep.patterns = {"step/*"};
  if (list) {
    for (const bench::Workload* w : bench::chosen(sweep.patterns)) out << list_line(*w) << "\n";
    return 0;
  }
  refuse_idle_flags(app);
  const double share = read_share(worse);
  std::optional<Document> old;
  if (!compare_with.empty()) old = bench::read_document(read_json_file(compare_with), compare_with);
  const bool emulated = device == "emulated";
  if (emulated && !bench::on_emulator()) bench::continue_on_emulator(arguments);
  CommonFlags common;
  common.device = emulated ? "cuda" : device;
  const Device on = common.apply();
  if (on == Device::cuda) refuse_idle(app, {"--threads"}, "--device cuda");
  const bench::Request request{.settings = bench::settings_of(sweep, on),
                               .seconds = seconds,
                               .rounds = rounds,
                               .emulated = emulated,
                               .peers = peers,
                               .python = python};
  if (!out_folder.empty()) make_folder(out_folder);
  Document document{machine(*this, arguments), {}};
  const InterruptGuard guard;
  RowCounter progress(err, request.settings.size());
  {
    const bench::Loops loops(beside);
    document.rows = bench::measure_rows(request, progress.watcher());
  }
  bench::write_table(out, document, bench::format_named(format));
  if (!out_folder.empty()) write_out(document, out_folder);
  warn_of_others(document, beside, err);
  const bool kept = !old || bench::compare(out, *old, document, share);
  if (InterruptGuard::interrupted()) return stopped_code;
  return kept && !progress.any_failed() ? 0 : 1;
}

}  // namespace stillpoint
