// More than one rank trains what one process trains, and reports what ranks cannot do.
#include <algorithm>
#include <fstream>

#include "tasks/io/image.h"
#include "tasks/training/train.h"
#include "tests/parallel/mpirun.h"
#include "tests/support/catch.h"
#include "tests/support/data_files.h"
#include "tests/support/error_text.h"

namespace stillpoint {
namespace {

using test::check_close;
using test::losses;
using test::Result;
using test::run_ranks;
using test::small_run;
using test::TempDir;

// The first loss differs by the rounding of its sum, n eps or about 1e-14. Every step amplifies the
// parameters' difference, mostly through Adam, which divides a gradient by its own size. Measured after the
// steps of these runs: at most 2e-12.
constexpr double rounding = 1e-10;
// float32's eps is 5e8 times as large; the same growth takes it to about 1e-3.
constexpr double rounding32 = 5e-3;

// Runs in one process and on `ranks` ranks, and compares every logged loss.
void check_same_losses(const TempDir& folder, const std::vector<std::string>& arguments, int ranks,
                       double tolerance = rounding) {
  std::vector<std::string> alone = arguments, shared = arguments;
  alone.insert(alone.end(), {"--run", "alone"});
  shared.insert(shared.end(), {"--run", text("on-", ranks)});
  if (!std::filesystem::exists(folder / "alone")) REQUIRE(test::run(folder.path(), alone).code == 0);
  const Result result = run_ranks(folder.path(), ranks, shared);
  INFO(result.output);
  REQUIRE(result.code == 0);
  check_close(losses(folder / text("on-", ranks)), losses(folder / "alone"), tolerance);
}

std::vector<std::string> without_run(std::vector<std::string> arguments) {
  const auto flag = std::find(arguments.begin(), arguments.end(), "--run");
  arguments.erase(flag, flag + 2);
  return arguments;
}

std::vector<std::string> copy_memory(const std::vector<std::string>& changes) {
  return without_run(small_run("", changes));
}

std::vector<std::string> of_task(const std::string& task, const std::vector<std::string>& settings) {
  std::vector<std::string> out{"train", task, "--device", "cpu", "--threads", "1"};
  for (const std::string& setting : settings) out.insert(out.end(), {"--set", setting});
  return out;
}

std::vector<std::string> classification(const TempDir& data, const std::vector<std::string>& changes) {
  std::vector<std::string> settings{"dataset=mnist",     "batch=32",    "epochs=2",     "lr=0.01",
                                    "schedule=constant", "log_every=1", "dtype=float64"};
  const auto is_mondeq = [](const std::string& change) { return change.starts_with("model=mondeq"); };
  if (std::none_of(changes.begin(), changes.end(), is_mondeq))
    settings.insert(settings.end(), {"d_phi=12", "hidden=8"});
  settings.insert(settings.end(), changes.begin(), changes.end());
  std::vector<std::string> out = of_task("image-classification", settings);
  out.insert(out.end(), {"--data", data.path().string()});
  return out;
}

}  // namespace

TEST_CASE("copy memory has the same losses on several ranks", "[parallel]") {
  for (const char* model : {"single", "two", "tcn"}) {
    INFO(model);
    const TempDir folder;
    check_same_losses(folder, copy_memory({text("model=", model)}), 2);
    if (std::string(model) == "single") check_same_losses(folder, copy_memory({"model=single"}), 3);
  }
}

TEST_CASE("the DEQ-Transformer has the same losses on several ranks", "[parallel]") {
  // The test evaluates a wide cell a few times. A narrow one, which is far from its equilibrium while
  // untrained, multiplies rounding by orders of magnitude in each evaluation.
  const TempDir folder;
  check_same_losses(folder,
                    copy_memory({"model=deq", "jacobian_weight=0.1", "epochs=2", "seed=1", "deq_features=32",
                                 "deq_inner=32", "solver_steps=12", "adjoint_steps=6"}),
                    2);
}

TEST_CASE("float32 has nearly the same losses on several ranks", "[parallel]") {
  const TempDir folder;
  check_same_losses(folder, copy_memory({"dtype=float32"}), 2, rounding32);
}

TEST_CASE("an image has the same losses on several ranks", "[parallel]") {
  const TempDir folder;
  Image image{9, 10, 3, {}};
  for (int i = 0; i < 270; ++i) image.rgb.push_back(std::uint8_t(i * 37 % 256));
  write_png(folder / "picture.png", image);
  for (const std::vector<std::string>& model :
       {std::vector<std::string>{"model=single", "phi_hidden=8", "d_phi=8"}, {"model=rff", "d_psi=8"}}) {
    const TempDir runs;
    std::vector<std::string> settings{text("image=", (folder / "picture.png").string()),
                                      "hidden=8",
                                      "epochs=12",
                                      "log_every=1",
                                      "evaluate_every=3",
                                      "dtype=float64",
                                      "clip=0.1"};
    settings.insert(settings.end(), model.begin(), model.end());
    check_same_losses(runs, of_task("image-regression", settings), 3);
  }
}

TEST_CASE("batch normalisation has the moments of all ranks' images", "[parallel]") {
  const TempDir data;
  test::write_bar_mnist(data.path(), 70, 20);  // 63 are for training: batches of 32 and 31
  for (const char* model : {"sim", "sim2"}) {
    const TempDir runs;
    check_same_losses(runs, classification(data, {text("model=", model), R"(channels="4")"}), 2);
    if (std::string(model) == "sim") check_same_losses(runs, classification(data, {R"(channels="4")"}), 3);
  }
}

TEST_CASE("a monDEQ stops by the residual of all ranks' images", "[parallel]") {
  const TempDir data;
  test::write_bar_mnist(data.path(), 40, 10);
  for (const auto& [model, channels] : {std::pair("mondeq-single", "4"), std::pair("mondeq-multi", "3,4")}) {
    const TempDir runs;
    const std::vector<std::string> arguments =
        classification(data, {text("model=", model), text("channels=\"", channels, "\""), "batch=9",
                              "tolerance=1e-3", "tune_alpha=true"});
    check_same_losses(runs, arguments, 2);
    const auto iterations = [&](const char* run) {
      std::vector<double> out;
      for (const nlohmann::json& row : test::rows_of(runs / run / "metrics.jsonl"))
        if (row["split"] == "train")
          out.push_back(row.at("forward_steps").get<double>() + row.at("adjoint_steps").get<double>());
      return out;
    };
    CHECK(iterations("on-2") == iterations("alone"));
  }
}

TEST_CASE("ranks without rows of a batch join in", "[parallel]") {
  const TempDir folder;
  check_same_losses(folder, copy_memory({"batch=1"}), 2);
  check_same_losses(folder, copy_memory({"batch=1"}), 3);
  const TempDir data, runs;
  test::write_bar_mnist(data.path(), 24, 10);
  check_same_losses(runs, classification(data, {R"(channels="2")", "batch=2", "epochs=1"}), 3);
  const TempDir others;
  check_same_losses(
      others, classification(data, {"model=mondeq-single", R"(channels="2")", "batch=2", "epochs=1"}), 3);
}

TEST_CASE("sixteen ranks train together", "[parallel]") {
  const TempDir folder;
  check_same_losses(folder, copy_memory({"epochs=1", "batch=12"}), 16);
}

TEST_CASE("runs of several ranks are bit-identical", "[parallel]") {
  const TempDir folder;
  for (const char* run : {"first", "second"})
    REQUIRE(run_ranks(folder.path(), 3, small_run(run, {"dtype=float32"})).code == 0);
  CHECK(read_file(folder / "first" / checkpoint_name) == read_file(folder / "second" / checkpoint_name));
  CHECK(losses(folder / "first") == losses(folder / "second"));
}

TEST_CASE("only rank 0 prints and writes", "[parallel]") {
  const TempDir folder;
  const Result result = run_ranks(folder.path(), 2, small_run("run"));
  CHECK(result.code == 0);
  CHECK_THAT(result.output, mentions("3 epochs of 3 steps on 2 ranks", "finished: 9 steps"));
  CHECK(result.output.find("finished") == result.output.rfind("finished"));
  CHECK(test::rows_of(folder / "run" / "metrics.jsonl").size() == 9 + 3 + 1);
}

TEST_CASE("an error of one rank ends all, and says whose it is", "[parallel]") {
  const TempDir folder;
  const Result result =
      test::run_two(folder.path(), small_run("run"), {"train", "copy-memory", "--resume", "nothing"});
  CHECK(result.code != 0);
  CHECK_THAT(result.output, mentions("stillpoint: rank 1: ", "nothing/checkpoint.safetensors"));
}

TEST_CASE("ranks with other settings are refused", "[parallel]") {
  const TempDir folder;
  const Result result = test::run_two(folder.path(), small_run("run"), small_run("run", {"lr=0.02"}));
  CHECK(result.code != 0);
  CHECK_THAT(result.output,
             mentions("rank 0: train: given settings on rank 1 that differ from those of rank 0",
                      "expected the same on all 2 ranks", "start all ranks with one command"));
  CHECK_FALSE(std::filesystem::exists(folder / "run"));
}

TEST_CASE("a command that is one process says so to mpirun", "[parallel]") {
  const TempDir folder;
  const std::vector<std::string> arguments{"report", "run"};
  const Result result = test::run_two(folder.path(), arguments, arguments);
  CHECK(result.code != 0);
  CHECK_THAT(result.output,
             mentions("mpirun: given 2 processes", "expected train", "start report without mpirun"));
}

TEST_CASE("a launcher of another MPI is named", "[parallel]") {
  const TempDir folder;
  ::setenv("PMI_SIZE", "2", 1);
  const Result result = test::run(folder.path(), small_run("run"));
  ::unsetenv("PMI_SIZE");
  CHECK(result.code == 1);
  CHECK_THAT(result.output,
             mentions("mpirun: started 2 processes, but MPI finds 1, expected the launcher of the MPI"));
  CHECK_FALSE(std::filesystem::exists(folder / "run"));
}

TEST_CASE("a loss that is not finite ends all ranks with one error", "[parallel]") {
  const TempDir folder;
  const Result result =
      run_ranks(folder.path(), 2, small_run("run", {"lr=1e6", "dtype=float32", "epochs=50"}));
  CHECK(result.code != 0);
  CHECK_THAT(result.output, mentions("rank 0: train: the ", "expected a finite number"));
  CHECK_FALSE(test::contains(result.output, "rank 1: "));
}

}  // namespace stillpoint
