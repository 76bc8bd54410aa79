// A rank that dies, and runs that go on from what it left.
#include <signal.h>

#include <fstream>

#include "engine/checkpoint.h"
#include "tasks/train.h"
#include "tests/catch.h"
#include "tests/error_text.h"
#include "tests/parallel/mpirun.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Result;
using test::small_run;
using test::TempDir;

// Of the whole run; steps of about a millisecond.
constexpr int epochs = 600;

std::vector<std::string> long_run(const std::string& run) {
  return small_run(run, {text("epochs=", epochs), "train_sequences=40", "blank=30", "evaluate_every=100000",
                         "checkpoint_every=100000", "log_every=20", "lr=1e-4", "seed=3"});
}

bool environment_has(const fs::path& process, const std::string& entry) {
  std::ifstream in(process / "environ", std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  return ('\0' + all).find('\0' + entry + '\0') != std::string::npos;
}

// The process of a rank below mpirun; 0 where there is none.
pid_t process_of(pid_t mpirun, int rank) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "stat");
    std::string id, command, state;
    pid_t parent = 0;
    in >> id >> command >> state >> parent;
    if (parent == mpirun && (environment_has(entry.path(), text("OMPI_COMM_WORLD_RANK=", rank)) ||
                             environment_has(entry.path(), text("PMI_RANK=", rank))))
      return pid_t(std::stol(name));
  }
  return 0;
}

void wait_for_rows(const fs::path& metrics, std::size_t rows) {
  test::wait_for(metrics);
  for (int i = 0; i < 1000; ++i) {
    std::ifstream in(metrics);
    if (std::size_t(std::count(std::istreambuf_iterator<char>(in), {}, '\n')) >= rows) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  FAIL("no rows in " << metrics);
}

std::vector<std::string> resume(const std::string& run) {
  return {"train", "copy-memory", "--resume", run, "--threads", "1", "--device", "cpu"};
}

// Test loss at the end.
double result_of(const fs::path& run) {
  return read_json_file((run / "results.json").string())["metrics"]["test"]["loss"].get<double>();
}

// Kills a rank of three with kill -9 and returns what the rest said.
Result kill_rank(const TempDir& folder, const std::string& run, int rank) {
  const pid_t mpirun = test::start_ranks(folder.path(), 3, long_run(run));
  wait_for_rows(folder / run / "metrics.jsonl", 5);
  const pid_t victim = process_of(mpirun, rank);
  REQUIRE(victim > 0);
  REQUIRE(::kill(victim, SIGKILL) == 0);
  return test::finish(mpirun, folder.path());
}

}  // namespace

TEST_CASE("a killed rank ends the job with a checkpoint that any number of ranks resumes", "[parallel]") {
  const TempDir folder;
  REQUIRE(test::run(folder.path(), long_run("whole")).code == 0);
  for (const int victim : {1, 0}) {
    const std::string run = text("without-", victim);
    const Result result = kill_rank(folder, run, victim);
    INFO(result.output);
    CHECK(result.code != 0);
    CHECK_THAT(result.output, mentions("is saved. Go on, on any number of ranks, with:", "stillpoint train copy-memory --resume " + run));
    const Index step = read_checkpoint_record(folder / run / checkpoint_name).at("step").get<Index>();
    CHECK(step >= 5 * 20);
    CHECK(step < epochs * 8);
    fs::copy(folder / run, folder / "again", fs::copy_options::recursive);
    CHECK(test::run(folder.path(), resume(run)).code == 0);
    const Result again = test::run_ranks(folder.path(), 3, resume("again"));
    INFO(again.output);
    CHECK(again.code == 0);
    // Thousands of steps let rounding differences grow further than test_ranks.cpp's dozen.
    for (const char* resumed : {run.c_str(), "again"}) CHECK(result_of(folder / resumed) == Approx(result_of(folder / "whole")).epsilon(1e-8));
    fs::remove_all(folder / "again");
  }
}

TEST_CASE("mpirun that is told to stop lets the ranks save", "[parallel]") {
  const TempDir folder;
  const pid_t mpirun = test::start_ranks(folder.path(), 2, long_run("run"));
  wait_for_rows(folder / "run" / "metrics.jsonl", 5);
  REQUIRE(::kill(mpirun, SIGINT) == 0);
  const Result result = test::finish(mpirun, folder.path());
  INFO(result.output);
  CHECK(result.code != 0);
  CHECK(read_checkpoint_record(folder / "run" / checkpoint_name).at("step").get<Index>() >= 100);
}

}  // namespace stillpoint
