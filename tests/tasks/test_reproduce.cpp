// Reproduces the paper's tables and figures with settings and pictures that take no time.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <limits>

#include "tasks/io/image.h"
#include "tasks/reproduce/budget.h"
#include "tasks/reproduce/job.h"
#include "tasks/reproduce/paper_table.h"
#include "tasks/reproduce/runner.h"
#include "tasks/training/train.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/markup.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Result;
using test::TempDir;

// Sets an environment variable for as long as the object lives.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* const before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~ScopedVariable() {
    if (before_)
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

Image gradient(int shift) {
  Image image{8, 8, 3, {}};
  for (int i = 0; i < 8 * 8 * 3; ++i) image.rgb.push_back(std::uint8_t((i * 7 + shift) % 256));
  return image;
}

// Presets, spaces and data of tables 1 and 3 that train in milliseconds.
struct SmallPaper {
  TempDir folder;
  ScopedVariable presets{"STILLPOINT_PRESETS", (folder / "presets").string()};
  ScopedVariable spaces{"STILLPOINT_SPACES", (folder / "spaces").string()};
  ScopedVariable data{"STILLPOINT_DATA", (folder / "data").string()};

  SmallPaper() {
    for (const char* set : {"natural", "text"}) {
      make_folder(folder / "data" / set);
      for (const char* model : {"single", "two", "rff"})
        for (const char* kind : {"", "-minibatch"})
          write_preset(
              "image-regression/" + text(set, "-", model, kind),
              text(R"({"model": ")", model,
                   R"(", "hidden": 4, "d_phi": 4, "d_psi": 4, "phi_hidden": 4, "epochs": )",
                   *kind == 0 ? 4 : 2, *kind == 0 ? "" : R"(, "batch": 8, "schedule": "cosine")", "}"));
    }
    write_png(folder / "data/natural/a.png", gradient(1));
    write_png(folder / "data/natural/b.png", gradient(50));
    write_png(folder / "data/text/c.png", gradient(100));
    for (const char* model : {"single", "two", "deq"})
      write_preset(text("copy-memory/paper-", model),
                   text(R"({"model": ")", model,
                        R"(", "blank": 3, "train_sequences": 6, "valid_sequences": 2, "test_sequences": 2,
                        "tcn_blocks": 1, "tcn_channels": 3, "d_phi": 4, "d_psi": 4, "hidden": 4, "epochs": 2, "log_every": 2,
                        "deq_features": 8, "deq_heads": 2, "deq_inner": 8)",
                        "}"));
  }
  void write_preset(const std::string& name, const std::string& json) const {
    const fs::path path = folder / "presets" / (name + ".json");
    make_folder(path.parent_path());
    write_atomically(path, json);
  }
  Result reproduce(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "reproduce");
    arguments.insert(arguments.end(), {"--folder", "out", "--device", "cpu", "--threads", "1"});
    return test::run(folder.path(), arguments);
  }
  Json json(const std::string& name) const { return read_json_file((folder / "out" / name).string()); }
};

double test_metric(const fs::path& run, const char* name) {
  return read_json_file((run / "results.json").string()).at("metrics").at("test").at(name).get<double>();
}

}  // namespace

TEST_CASE("equal shares leave what small wants do not need to the others", "[reproduce]") {
  CHECK(fair_share({1, 2, 3}, 6) == std::numeric_limits<double>::infinity());
  CHECK(fair_share({10, 10}, 6) == 3);
  CHECK(fair_share({9, 1, 9}, 11) == 5);        // the shares are 1 and twice 5
  CHECK(fair_share({1, 2, 30, 40}, 23) == 10);  // the shares are 1, 2 and twice 10
  CHECK(fair_share({}, 5) == std::numeric_limits<double>::infinity());
}

TEST_CASE("a run's command is one that a reader can type", "[reproduce]") {
  const SmallPaper paper;
  const JobSources sources{paper.folder / "out", paper.folder / "data"};
  const PaperTable& table = paper_table("table3");
  Job job = make_job(table, table.cells[0], sources, 3, (paper.folder / "data/natural/a.png").string());
  CHECK(job.folder == paper.folder / "out/table3/natural-single-a-seed3");
  CHECK(job.command() ==
        "stillpoint train image-regression DATA/natural/a.png --preset natural-single --set retrain=true "
        "--seed SEED");
  CHECK(job.config().at("seed") == 3);
  shorten(job, 1);
  CHECK(job.command() ==
        "stillpoint train image-regression DATA/natural/a.png --preset natural-single-minibatch --set "
        "retrain=true --set "
        "epochs=1 --seed SEED");
  CHECK(job.config().at("batch") == 8);
  CHECK(job.config().at("epochs") == 1);
  CHECK_THAT(error_text([] { paper_table("table4"); }), mentions("table4", "table1, table2 or table3"));
}

TEST_CASE("shortened runs follow a cosine where the rate falls in steps or on a cycle", "[reproduce]") {
  const PaperTable& table = paper_table("table2");
  for (const PaperCell& cell : table.cells) {
    INFO(cell.preset);
    Job job = make_job(table, cell, {"out", "data"}, 1);
    CHECK(job.config().at("retrain") == true);
    CHECK(job.config().at("dataset") == cell.data);
    shorten(job, 2);
    CHECK(job.config().at("schedule") == "cosine");
    CHECK(job.config().at("epochs") == 2);
  }
  Job constant = make_job(paper_table("table1"), paper_table("table1").cells[1], {"out", "data"}, 1);
  constant.settings.assignments.push_back("schedule=constant");
  shorten(constant, 2);
  CHECK(constant.config().at("schedule") == "constant");
}

TEST_CASE("a table holds means, deviations and what is missing", "[reproduce]") {
  const TempDir folder;
  const PaperTable& table = paper_table("table2");
  std::vector<Job> jobs;
  const PaperCell& cell = table.cells[10];
  REQUIRE(cell.preset == "mnist-sim");
  for (Index seed = 1; seed <= 3; ++seed) {
    jobs.push_back(make_job(table, cell, {folder.path(), "data"}, seed));
    if (seed == 3) break;
    make_folder(jobs.back().folder);
    const Json config = jobs.back().config();
    write_atomically(jobs.back().folder / config_name,
                     Json{{"task", "image-classification"}, {"config", config}}.dump());
    write_atomically(
        jobs.back().folder / "results.json",
        text(R"({"parameters": 81480, "metrics": {"test": {"accuracy": )", seed == 1 ? 0.98 : 0.99, "}}}"));
    write_atomically(jobs.back().folder / attempt_name,
                     R"({"command": "stillpoint train SEED", "seconds": 100, "processor_seconds": 60})");
  }
  const std::string markdown = write_table(table, jobs, folder.path());
  // The deviation of 98 and 99 is sqrt(0.5).
  CHECK_THAT(markdown,
             Catch::Matchers::Contains(
                 "| SIM (single) | mnist | 99.4 ± 0.0 | 98.50 ± 0.71 | 2 of 3 | 81480 | 12 | 60 % | 1:00 |"));
  CHECK_THAT(markdown, Catch::Matchers::Contains("| SIM (two) | mnist | 99.4 ± 0.0 | not run | 0 of 0 |"));
  CHECK_THAT(markdown, Catch::Matchers::Contains("Seeds: 1, 2."));
  CHECK_THAT(markdown, Catch::Matchers::Contains("stillpoint train SEED\n"));
  CHECK(read_file(folder / "table2.md") == markdown);
  const Json json = read_json_file((folder / "table2.json").string());
  CHECK(json.at("cells").at(10).at("here").at("mean").get<double>() == Approx(98.5));
  CHECK(json.at("cells").at(10).at("runs").size() == 2);
  CHECK(json.at("cells").at(11).at("here").at("mean").is_null());
}

TEST_CASE("table 3 is run, averaged over pictures, and not run twice", "[reproduce]") {
  const SmallPaper paper;
  const Result first = paper.reproduce({"table3", "--seeds", "2", "--workers", "2"});
  INFO(first.output);
  REQUIRE(first.code == 0);
  const fs::path runs = paper.folder / "out/table3";
  const Json cell = paper.json("table3.json").at("cells").at(2);
  REQUIRE(cell.at("preset") == "natural-rff");
  double mean = 0;
  for (const char* name : {"a-seed1", "a-seed2", "b-seed1", "b-seed2"})
    mean += test_metric(runs / text("natural-rff-", name), "psnr") / 4;
  CHECK(cell.at("here").at("mean").get<double>() == Approx(mean).epsilon(1e-12));
  CHECK(cell.at("runs").size() == 4);
  CHECK(cell.at("runs").at(0).at("processor_seconds").get<double>() > 0);
  const std::string table = read_file(paper.folder / "out/table3.md");
  CHECK_THAT(table, Catch::Matchers::Contains("| natural | SIM (single) | SIM (two) | SIM (RFF only) |"));
  const auto written = fs::last_write_time(runs / "natural-rff-a-seed1/results.json");
  const Result second = paper.reproduce({"table3", "--seeds", "2"});
  CHECK_THAT(second.output, Catch::Matchers::Contains("18 runs, 18 of them finished"));
  CHECK(fs::last_write_time(runs / "natural-rff-a-seed1/results.json") == written);
  CHECK(read_file(paper.folder / "out/table3.md") == table);

  const Result figure = paper.reproduce({"fig5"});
  INFO(figure.output);
  REQUIRE(figure.code == 0);
  CHECK(fs::last_write_time(runs / "natural-rff-a-seed1/results.json") == written);
  const Image image =
      read_image(paper.folder / "out/fig5.png");  // the truth and three predictions of two pictures
  CHECK(image.height == 2 * 8 + 8);
  CHECK(image.width == 4 * 8 + 3 * 8);
}

TEST_CASE("an interrupted reproduction goes on where it was", "[reproduce]") {
  const SmallPaper paper;
  paper.write_preset("image-regression/natural-rff",
                     R"({"model": "rff", "hidden": 4, "d_psi": 4, "epochs": 10000, "evaluate_every": 10000,
                         "checkpoint_every": 500, "log_every": 100})");
  const std::vector<std::string> arguments{"reproduce",   "table3",    "--seeds",   "1",        "--only",
                                           "natural-rff", "--workers", "1",         "--folder", "out",
                                           "--device",    "cpu",       "--threads", "1"};
  const pid_t child = test::start(paper.folder.path(), arguments);
  test::wait_for(paper.folder / "out/table3/natural-rff-a-seed1/checkpoint.safetensors");
  ::kill(child, SIGINT);
  const Result interrupted = test::finish(child, paper.folder.path());
  INFO(interrupted.output);
  CHECK(interrupted.code == 130);
  CHECK(!fs::exists(paper.folder / "out/table3/natural-rff-b-seed1"));
  const Result whole = test::run(paper.folder.path(), arguments);
  INFO(whole.output);
  CHECK(whole.code == 0);
  CHECK_THAT(read_file(paper.folder / "out/table3/natural-rff-a-seed1/log.txt"),
             Catch::Matchers::Contains("stopped after step"));
  const Json cell = paper.json("table3.json").at("cells").at(2);
  CHECK(cell.at("runs").size() == 2);

  // Makes the same run in one go.
  const Result once =
      test::run(paper.folder.path(),
                {"train", "image-regression", "data/natural/a.png", "--preset", "natural-rff", "--set",
                 "retrain=true", "--seed", "1", "--run", "once", "--device", "cpu", "--threads", "1"});
  REQUIRE(once.code == 0);
  CHECK(test_metric(paper.folder / "once", "psnr") ==
        test_metric(paper.folder / "out/table3/natural-rff-a-seed1", "psnr"));
}

TEST_CASE("a second Ctrl-C ends a reproduction whose run hangs", "[reproduce]") {
  const SmallPaper paper;
  paper.write_preset(
      "image-regression/natural-rff",
      R"({"model": "rff", "hidden": 4, "d_psi": 4, "epochs": 100000000, "evaluate_every": 100000000,
                         "checkpoint_every": 100000000})");
  const pid_t parent = test::start(
      paper.folder.path(), {"reproduce", "table3", "--seeds", "1", "--only", "natural-rff", "--workers", "1",
                            "--folder", "out", "--device", "cpu", "--threads", "1"});
  test::wait_for(paper.folder / "out/table3/natural-rff-a-seed1/checkpoint.safetensors");
  pid_t run = 0;
  std::ifstream(text("/proc/", parent, "/task/", parent, "/children")) >> run;
  REQUIRE(run > 0);
  ::kill(run, SIGSTOP);
  ::kill(parent, SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  CHECK(::waitpid(parent, nullptr, WNOHANG) == 0);  // it still waits for the run
  ::kill(parent, SIGINT);
  CHECK(test::finish(parent, paper.folder.path()).code == 130);
  const auto lives = [&] {  // a zombie has an empty command line
    std::string words;
    return bool(std::ifstream(text("/proc/", run, "/cmdline")) >> words);
  };
  for (int i = 0; i < 200 && lives(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(!lives());
}

TEST_CASE("runs that a budget does not cover are shortened", "[reproduce]") {
  const SmallPaper paper;
  paper.write_preset(
      "image-regression/natural-rff",
      R"({"model": "rff", "hidden": 4, "d_psi": 4, "epochs": 100000000, "evaluate_every": 100000000,
                         "checkpoint_every": 100000000})");
  const Result result =
      paper.reproduce({"table3", "--seeds", "1", "--only", "natural-rff", "--budget", "0.05", "--dry-run"});
  INFO(result.output);
  CHECK(result.code == 0);
  CHECK_THAT(result.output,
             Catch::Matchers::Contains("--preset natural-rff-minibatch --set retrain=true --set epochs="));
  CHECK_THAT(result.output,
             Catch::Matchers::Matches("[^]*, about [0-9:]+( s)?\nabout [0-9:]+( s)? in all[^]*"));
  CHECK(!fs::exists(paper.folder / "out/table3"));
  CHECK(!fs::exists(paper.folder / "out/probe"));
  const std::string warning = "warning: one epoch of ";
  CHECK(result.output.find(warning) == std::string::npos);
  paper.write_preset("copy-memory/paper-single", R"({"model": "single", "train_sequences": 500000})");
  const Result less =
      paper.reproduce({"table1", "--seeds", "1", "--only", "single", "--budget", "0.05", "--dry-run"});
  CHECK_THAT(less.output, Catch::Matchers::Contains(warning + "paper-single takes about") &&
                              Catch::Matchers::Contains("raise --budget"));
}

TEST_CASE("a call for a part of a table keeps the rest of it", "[reproduce]") {
  const SmallPaper paper;
  REQUIRE(paper.reproduce({"table1", "--seeds", "2"}).code == 0);
  paper.write_preset("copy-memory/paper-two", R"({"model": "two", "lr": 0.5})");
  const Result part = paper.reproduce({"table1", "--seeds", "1", "--only", "two"});
  INFO(part.output);
  REQUIRE(part.code == 0);
  CHECK_THAT(part.output, Catch::Matchers::Contains("1 finished runs of paper-two had other settings"));
  const Json table = paper.json("table1.json");
  for (const Json& cell : table.at("cells")) CHECK(cell.at("runs").size() == 2);
}

TEST_CASE("one call at a time works in a folder", "[reproduce]") {
  const SmallPaper paper;
  make_folder(paper.folder / "out");
  const int held = ::open((paper.folder / "out/.lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
  const Result second = paper.reproduce({"table1", "--seeds", "1"});
  ::close(held);
  CHECK(second.code == 1);
  CHECK_THAT(second.output,
             Catch::Matchers::Contains("another reproduce") && Catch::Matchers::Contains("--folder"));
  CHECK(!fs::exists(paper.folder / "out/table1"));
}

TEST_CASE("figure 4 takes the runs of table 1", "[reproduce]") {
  const SmallPaper paper;
  const Result table = paper.reproduce({"table1", "--seeds", "1"});
  INFO(table.output);
  REQUIRE(table.code == 0);
  CHECK(paper.json("table1.json").at("cells").at(0).at("here").at("median").get<double>() ==
        test_metric(paper.folder / "out/table1/paper-deq-seed1", "loss_sequence"));
  const Result figure = paper.reproduce({"fig4"});
  INFO(figure.output);
  REQUIRE(figure.code == 0);
  CHECK_THAT(figure.output, Catch::Matchers::Contains("3 runs, 3 of them finished"));
  // There are 8 sequences, one per step, and a row every 2 steps, so that the last row is at epoch 2.
  CHECK_THAT(read_file(paper.folder / "out/fig4-epochs.csv"), Catch::Matchers::Contains(",2,"));
  for (const char* name : {"out/fig4-time.svg", "out/fig4-epochs.svg"})
    CHECK(test::outside(read_file(paper.folder / name)) == "");
}

TEST_CASE("figure 2 shows every case", "[reproduce]") {
  const TempDir folder;
  const Result figure = test::run(folder.path(), {"reproduce", "fig2", "--folder", "out"});
  INFO(figure.output);
  REQUIRE(figure.code == 0);
  const std::string table = read_file(folder / "out/fig2.md");
  for (const char* name : {"(i) vanishes", "(ii) settles", "(iii) oscillates", "(iv) diverges"})
    CHECK_THAT(table, Catch::Matchers::Contains(name));
  CHECK_THAT(table, Catch::Matchers::Contains("](fig2/rotation/spectrum.svg)"));
  CHECK(test::outside(read_file(folder / "out/fig2/rotation/spectrum.svg")) == "");
}

TEST_CASE("figure 2 refuses flags of training", "[reproduce]") {
  const TempDir folder;
  const Result figure = test::run(folder.path(), {"reproduce", "fig2", "--folder", "out", "--dry-run"});
  CHECK(figure.code == 1);
  CHECK_THAT(figure.output, Catch::Matchers::Contains("--dry-run"));
}

TEST_CASE("what cannot be run is said", "[reproduce]") {
  const SmallPaper paper;
  const Result missing = paper.reproduce({"table3", "--data", "nowhere"});
  CHECK_THAT(missing.output,
             Catch::Matchers::Contains("nowhere/natural") && Catch::Matchers::Contains("--data"));
  CHECK(missing.code == 1);
  const Result nothing = paper.reproduce({"table1", "--only", "cifar"});
  CHECK(nothing.code == 1);
  CHECK_THAT(nothing.output,
             Catch::Matchers::Contains("--only cifar") && Catch::Matchers::Contains("paper-deq"));
  CHECK(paper.reproduce({"table9"}).code != 0);
}

#ifdef STILLPOINT_TEST_PYTHON
TEST_CASE("a search comes before the runs where it is asked for", "[reproduce]") {
  const SmallPaper paper;
  make_folder(paper.folder / "spaces");
  write_atomically(
      paper.folder / "spaces/copy-memory-single.json",
      R"({"metric": "loss", "direction": "minimize", "trials": 3, "grace": 1, "reduction": 2, "most": 2,
                       "settings": {"epochs": 2}, "draws": {"lr": {"log_uniform": [1e-4, 0.01]}}})");
  ::setenv("STILLPOINT_PYTHON", STILLPOINT_TEST_PYTHON, 1);
  const Result result = paper.reproduce({"table1", "--seeds", "1", "--only", "single", "--search", "3"});
  INFO(result.output);
  REQUIRE(result.code == 0);
  const Json best = read_json_file((paper.folder / "out/search/paper-single/best.json").string());
  const Json config =
      read_json_file((paper.folder / "out/table1/paper-single-seed1/config.json").string()).at("config");
  CHECK(config.at("lr") == best.at("lr"));
  CHECK(config.at("seed") == 1);
  CHECK(config.at("retrain") == true);
}
#endif

}  // namespace stillpoint
