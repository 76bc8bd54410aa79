// Tests the program on more than one of the emulator's GPUs: the losses are those of one process, and a rank
// dies.
#include <algorithm>
#include <cmath>

#include "engine/io/checkpoint.h"
#include "engine/io/safetensors.h"
#include "tasks/training/train.h"
#include "tests/parallel/lost_rank.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"

namespace stillpoint {
namespace {

using test::Result;
using test::TempDir;

std::vector<std::string> on_gpu(const std::string& run, int epochs) {
  std::vector<std::string> out =
      test::small_run(run, {"d_phi=4", "hidden=4", "blank=4", "tcn_blocks=1", text("epochs=", epochs),
                            "clip=0.5", "evaluate_every=1000", "checkpoint_every=1000"});
  *std::find(out.begin(), out.end(), "cpu") = "cuda";
  return out;
}

}  // namespace

TEST_CASE("ranks with a GPU each have one process's losses, and the same bits again", "[parallel][cuda]") {
  const TempDir folder;
  REQUIRE(test::run(folder.path(), on_gpu("alone", 3)).code == 0);
  for (const char* run : {"first", "second"}) {
    const Result result = test::run_ranks(folder.path(), 2, on_gpu(run, 3));
    INFO(result.output);
    REQUIRE(result.code == 0);
    CHECK_THAT(result.output, mentions("copy-memory on cuda", "on 2 ranks"));
  }
  test::check_close(test::losses(folder / "first"), test::losses(folder / "alone"), 1e-10);
  CHECK(read_file(folder / "first" / checkpoint_name) == read_file(folder / "second" / checkpoint_name));
}

TEST_CASE("a run that waits for every kernel has the bits of one that does not", "[parallel][cuda]") {
  const TempDir folder;
  REQUIRE(test::run(folder.path(), on_gpu("recorded", 2)).code == 0);
  ::setenv("STILLPOINT_SYNC", "1", 1);
  const Result result = test::run(folder.path(), on_gpu("waiting", 2));
  ::unsetenv("STILLPOINT_SYNC");
  INFO(result.output);
  REQUIRE(result.code == 0);
  CHECK(test::losses(folder / "waiting") == test::losses(folder / "recorded"));
}

TEST_CASE("info --plans prints what the libraries chose for the models that are asked for",
          "[parallel][cuda]") {
  const TempDir folder;
  const Result plans =
      test::run(folder.path(), {"info", "--plans", "--only", "image-classification sim", "--set", "batch=1"});
  INFO(plans.output);
  CHECK(plans.code == 0);
  CHECK_THAT(plans.output, mentions("image-classification sim: cuDNN", "image-classification sim: cublasLt"));
  const Result wrong = test::run(folder.path(), {"info", "--plans", "--only", "*", "--set", "btach=1"});
  CHECK(wrong.code == 1);
  CHECK_THAT(wrong.output, mentions("FAIL  copy-memory deq: --set btach=1", "FAIL  image-regression rff"));
  CHECK_THAT(test::run(folder.path(), {"info", "--plans", "--only", "nothing"}).output,
             mentions("info: given --only nothing", "run info --plans without it"));
}

TEST_CASE("a GPU that waits for a killed rank is let go, and the last step saved", "[parallel][cuda]") {
  const TempDir folder;
  const Result result = test::kill_rank(folder, 2, on_gpu("run", 200), "run", 1);
  INFO(result.output);
  CHECK(result.code != 0);
  CHECK_THAT(result.output, mentions("is saved. Go on, on any number of ranks, with:"));
  const Json record = read_checkpoint_record(folder / "run" / checkpoint_name);
  CHECK(record.at("step").get<Index>() >= 5);
  CHECK(record.at("step").get<Index>() < 600);
  const SafetensorsFile file(folder / "run" / checkpoint_name);
  for (const SafetensorsPlace& entry : file.entries()) {
    if (entry.dtype != "F64") continue;
    std::vector<double> values(entry.size / 8);
    file.read(entry, values.data());
    for (const double value : values) CHECK(std::isfinite(value));
  }
}

}  // namespace stillpoint
