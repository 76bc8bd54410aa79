// Tests a rank that dies, and runs that resume from what it left.
#include "engine/io/checkpoint.h"
#include "tasks/training/train.h"
#include "tests/parallel/lost_rank.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/sanitized.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Result;
using test::small_run;
using test::TempDir;

// The epochs of the whole run; a step takes about a millisecond, and ten times that if it is sanitized.
constexpr int epochs = sanitized ? 40 : 250;

std::vector<std::string> long_run(const std::string& run) {
  return small_run(run, {text("epochs=", epochs), "train_sequences=40", "blank=30", "evaluate_every=100000",
                         "checkpoint_every=100000", "log_every=20", "lr=1e-4", "seed=3"});
}

std::vector<std::string> resume(const std::string& run) {
  return {"train", "copy-memory", "--resume", run, "--threads", "1", "--device", "cpu"};
}

// Returns the test loss at the end.
double result_of(const fs::path& run) {
  return read_json_file((run / "results.json").string())["metrics"]["test"]["loss"].get<double>();
}

}  // namespace

TEST_CASE("a killed rank ends the job with a checkpoint that any number of ranks resumes", "[parallel]") {
  const TempDir folder;
  REQUIRE(test::run(folder.path(), long_run("whole")).code == 0);
  for (const int victim : {1, 0}) {
    const std::string run = text("without-", victim);
    const Result result = test::kill_rank(folder, 3, long_run(run), run, victim);
    INFO(result.output);
    CHECK(result.code != 0);
    CHECK_THAT(result.output, mentions("is saved. Go on, on any number of ranks, with:",
                                       "stillpoint train copy-memory --resume " + run));
    const Index step = read_checkpoint_record(folder / run / checkpoint_name).at("step").get<Index>();
    CHECK(step >= 5 * 20);
    CHECK(step < epochs * 8);
    fs::copy(folder / run, folder / "again", fs::copy_options::recursive);
    CHECK(test::run(folder.path(), resume(run)).code == 0);
    const Result again = test::run_ranks(folder.path(), 3, resume("again"));
    INFO(again.output);
    CHECK(again.code == 0);
    // Over thousands of steps, rounding differences grow further than in the dozen steps of test_ranks.cpp.
    for (const char* resumed : {run.c_str(), "again"})
      CHECK(result_of(folder / resumed) == Approx(result_of(folder / "whole")).epsilon(1e-8));
    fs::remove_all(folder / "again");
  }
}

TEST_CASE("mpirun that is told to stop lets the ranks save", "[parallel]") {
  const TempDir folder;
  const pid_t mpirun = test::start_ranks(folder.path(), 2, long_run("run"));
  test::wait_for_rows(folder / "run" / "metrics.jsonl", 5);
  REQUIRE(::kill(mpirun, SIGINT) == 0);
  const Result result = test::finish(mpirun, folder.path());
  INFO(result.output);
  CHECK(result.code != 0);
  CHECK(read_checkpoint_record(folder / "run" / checkpoint_name).at("step").get<Index>() >= 100);
}

}  // namespace stillpoint
