// Tests the program as a user meets it: exit codes, messages, interruption, kill -9 during a save.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "engine/io/checkpoint.h"
#include "engine/io/files.h"
#include "engine/io/safetensors.h"
#include "tasks/training/folder_lock.h"
#include "tasks/training/train.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::finish;
using test::Result;
using test::run;
using test::start;
using test::TempDir;
using test::wait_for;

// Returns the settings of a run that lasts long enough to be interrupted.
std::vector<std::string> long_run(const std::string& run_folder) {
  std::vector<std::string> out{"train",     "copy-memory", "--device", "cpu",
                               "--threads", "1",           "--run",    run_folder};
  for (const char* setting :
       {"blank=30", "train_sequences=20", "valid_sequences=2", "test_sequences=2", "epochs=100000",
        "tcn_blocks=2", "tcn_channels=16", "hidden=64", "evaluate_every=1000"})
    out.insert(out.end(), {"--set", setting});
  return out;
}

// Trains a small model in the run folder `name`.
void train_small(const fs::path& folder, const std::string& model, const std::string& name,
                 const char* dtype = "float32") {
  std::vector<std::string> arguments{"train",    "copy-memory", "--model",   model,
                                     "--device", "cpu",         "--threads", "1",
                                     "--run",    name,          "--set",     text("dtype=", dtype)};
  std::vector<std::string> settings{
      "blank=2", "train_sequences=200", "valid_sequences=2", "test_sequences=20", "epochs=1", "batch=10",
      "lr=0.01"};
  if (model == "deq")
    settings.insert(settings.end(), {"deq_features=8", "deq_heads=2", "deq_inner=8", "seed=1"});
  else
    settings.push_back("tcn_blocks=2");
  for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
  const Result done = run(folder, arguments);
  INFO(done.output);
  REQUIRE(done.code == 0);
}

Result spectrum(const fs::path& folder, std::vector<std::string> arguments, const char* inputs = "160") {
  arguments.insert(arguments.begin(), "spectrum");
  arguments.insert(arguments.end(),
                   {"--trajectories", inputs, "--steps", "12", "--held-out", "20", "--threads", "1"});
  return run(folder, arguments);
}

void check_refused(const Result& refused, const std::string& complaint) {
  INFO(refused.output);
  CHECK(refused.code == 1);
  CHECK(test::contains(refused.output, complaint));
}

}  // namespace

TEST_CASE("info and help name what there is", "[cli]") {
  const TempDir folder;
  const Result info = run(folder.path(), {"info"});
  CHECK(info.code == 0);
  CHECK_THAT(info.output, mentions("processor:", "instructions:", "oneDNN:", "CUDA:", "cuDNN:", "MPI:",
                                   "NCCL:", "threads:", "presets:"));
#if defined(__SSE2__) || defined(__aarch64__)
  CHECK_THAT(info.output, mentions("subnormals:    flushed to zero"));
#endif
  const Result help = run(folder.path(), {"train", "copy-memory", "--help"});
  CHECK(help.code == 0);
  CHECK_THAT(help.output,
             mentions("--resume", "bandwidth", "learning rate", "one of constant, step, 1cycle, cosine"));
  const Result presets = run(folder.path(), {"train", "copy-memory", "--preset", "list"});
  CHECK(presets.code == 0);
  CHECK_THAT(presets.output, mentions("quick"));
}

TEST_CASE("wrong usage is explained and exits with a code", "[cli]") {
  const TempDir folder;
  const auto expect = [&](const std::vector<std::string>& arguments, int code, const Mentions& words) {
    const Result r = run(folder.path(), arguments);
    INFO(r.output);
    CHECK(r.code == code);
    CHECK_THAT(r.output, words);
  };
  expect({"info", "--only", "*"}, 2, mentions("--only: given without --plans, expected both"));
  expect({}, 2, mentions("no command", "one of train"));
  expect({"train", "copy-memory", "--sead", "1"}, 2, mentions("--sead", "did you mean '--seed'?"));
  expect({"train", "copy-memory", "--set", "epoch=3"}, 1, mentions("'epoch'", "did you mean 'epochs'"));
  expect({"train", "copy-memory", "--set", "lr=fast"}, 1, mentions("lr is \"fast\"", "a number"));
  expect({"train", "copy-memory", "--preset", "slow"}, 1, mentions("'slow'", "quick"));
  expect({"train", "copy-memory", "--config", "absent.json"}, 1, mentions("absent.json"));
  expect({"train", "copy-memory", "--device", "tpu"}, 2, mentions("tpu"));
  expect({"train", "copy-memory", "--resume", "absent"}, 1, mentions("absent"));
  expect({"train", "copy-memory", "--resume", "absent", "--seed", "1"}, 1,
         mentions("--resume", "together with settings"));
  expect({"train", "image-regression"}, 1, mentions("no image"));
  expect({"eval", "absent.safetensors"}, 1, mentions("absent.safetensors"));
  std::ofstream(folder.path() / "bad.json") << "{\"lr\": }";
  expect({"train", "copy-memory", "--config", "bad.json"}, 1, mentions("bad.json", "not valid JSON"));
  std::ofstream(folder.path() / "file") << "x";
  expect({"train", "copy-memory", "--preset", "quick", "--run", "file/run"}, 1, mentions("file/run"));
  expect({"train", "copy-memory", "--set", "epochs=9000000000000000"}, 1,
         mentions("epochs is 9000000000000000", "[1, 1e+09]"));
  expect({"train", "copy-memory", "--set", "tcn_channels=16", "--set", "tcn_kernel=4611686018427387904"}, 1,
         mentions("tcn_kernel is 4611686018427387904", "[1, 1e+06]"));
}

TEST_CASE("one process trains in a folder, and a run that does not start leaves none", "[cli]") {
  const TempDir folder;
  const std::vector<std::string> quick{"train", "copy-memory",       "--set",    "blank=2",
                                       "--set", "train_sequences=2", "--set",    "valid_sequences=1",
                                       "--set", "test_sequences=1",  "--set",    "epochs=1",
                                       "--set", "tcn_blocks=1",      "--device", "cpu"};
  for (const char* name : {"copy-memory-single-001", "copy-memory-single-002"}) {
    CHECK(run(folder.path(), quick).code == 0);
    CHECK(fs::exists(folder / "runs" / name / "results.json"));
  }
  std::vector<std::string> failing = quick;
  failing.insert(failing.end(), {"--set", "schedule=1cycle"});  // 1cycle needs more epochs
  CHECK(run(folder.path(), failing).code == 1);
  CHECK_FALSE(fs::exists(folder / "runs/copy-memory-single-003"));

  const FolderLock lock(folder / "runs/copy-memory-single-001", "train", "");
  const Result second =
      run(folder.path(), {"train", "copy-memory", "--resume", "runs/copy-memory-single-001"});
  INFO(second.output);
  CHECK(second.code == 1);
  CHECK_THAT(second.output, mentions("runs/copy-memory-single-001", "another train is at work"));
}

TEST_CASE("Ctrl-C finishes the step, saves, and the printed command resumes", "[cli]") {
  const TempDir folder;
  const pid_t child = start(folder.path(), long_run("r"));
  wait_for(folder.path() / "r" / checkpoint_name);
  REQUIRE(::kill(child, SIGINT) == 0);
  const Result stopped = finish(child, folder.path());
  INFO(stopped.output);
  CHECK(stopped.code == 130);
  CHECK_THAT(stopped.output, mentions("stopped after step", "stillpoint train copy-memory --resume r"));
  const Index step = read_checkpoint_record(folder.path() / "r" / checkpoint_name).at("step");
  const pid_t again = start(folder.path(), {"train", "copy-memory", "--resume", "r", "--device", "cpu"});
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  REQUIRE(::kill(again, SIGTERM) == 0);
  const Result resumed = finish(again, folder.path());
  INFO(resumed.output);
  CHECK(resumed.code == 130);
  CHECK(read_checkpoint_record(folder.path() / "r" / checkpoint_name).at("step").get<Index>() > step);
}

TEST_CASE("a run folder that a killed process has left empty is used again", "[cli]") {
  const TempDir folder;
  fs::create_directories(folder / "runs/copy-memory-tcn-001");
  fs::create_directories(folder / "runs/copy-memory-tcn-002");
  test::write_bytes(folder / "runs/copy-memory-tcn-002/.lock", "");  // its process was killed a little later
  fs::create_directories(folder / "runs/copy-memory-tcn-003");
  test::write_bytes(folder / "runs/copy-memory-tcn-003/notes", "");
  const auto next = [&] {
    const Result result =
        run(folder.path(), {"train", "copy-memory", "--model", "tcn", "--threads", "1", "--set",
                            "train_sequences=4", "--set", "valid_sequences=1", "--set", "blank=1", "--set",
                            "test_sequences=1", "--set", "epochs=1", "--set", "tcn_blocks=1"});
    INFO(result.output);
    CHECK(result.code == 0);
    const std::size_t at = result.output.find("run folder runs/");
    return at == std::string::npos ? "" : result.output.substr(at + 16, 19);
  };
  CHECK(next() == "copy-memory-tcn-001");
  {
    const FolderLock other(folder / "runs/copy-memory-tcn-002", "train", "wait");  // by a starting process
    CHECK(next() == "copy-memory-tcn-004");
  }
  CHECK(next() == "copy-memory-tcn-002");
  CHECK(next() == "copy-memory-tcn-005");
  CHECK(fs::exists(folder / "runs/copy-memory-tcn-003/notes"));
}

TEST_CASE("selftest checks every op and model", "[cli]") {
  const TempDir folder;
  const Result done = run(folder.path(), {"selftest", "--device", "cpu", "--threads", "1", "--no-timing"});
  INFO(done.output);
  CHECK(done.code == 0);
  CHECK_THAT(done.output, mentions("ok    op sim_head:", "ok    model copy-memory two:",
                                   "ok    model image-regression rff:", "all checks passed on cpu"));
  CHECK(done.output.find("FAIL") == std::string::npos);
}

TEST_CASE("selftest checks the parts and in the precision that are asked for", "[cli]") {
  const TempDir folder;
  const auto selftest = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"selftest", "--device", "cpu", "--threads", "1", "--no-timing"});
    return run(folder.path(), arguments);
  };
  const Result some = selftest({"--only", "op soft*", "--precision", "bf16"});
  INFO(some.output);
  CHECK(some.code == 0);
  CHECK_THAT(some.output, mentions("ok    op softmax:", "all checks passed on cpu in bf16"));
  CHECK(some.output.find("matmul") == std::string::npos);
  std::istringstream lines(selftest({"--only", "nan linear*", "--json"}).output);
  int checks = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json object = Json::parse(line);
    if (object.contains("check")) {
      ++checks;
      CHECK(object.at("passed") == true);
    }
    if (object.contains("checks")) CHECK(object.at("checks") == checks);
  }
  CHECK(checks == 3);
  const Result none = selftest({"--only", "op nothing"});
  CHECK(none.code == 1);
  CHECK_THAT(none.output, mentions("--only op nothing", "expected a pattern of a check"));
}

TEST_CASE("eval rounds products as the run did", "[cli]") {
  const TempDir folder;
  std::vector<std::string> arguments{"train",    "copy-memory", "--run",     "run",
                                     "--device", "cpu",         "--threads", "1"};
  for (const char* setting : {"blank=2", "train_sequences=20", "valid_sequences=4", "test_sequences=4",
                              "epochs=1", "hidden=300", "fold=false", "precision=bf16"})
    arguments.insert(arguments.end(), {"--set", setting});
  REQUIRE(run(folder.path(), arguments).code == 0);
  const Json results = Json::parse(read_file(folder / "run/results.json"));
  const Result eval = run(folder.path(), {"eval", "run", "--device", "cpu", "--threads", "1"});
  INFO(eval.output);
  REQUIRE(eval.code == 0);
  CHECK(Json::parse(eval.output).at("test").at("loss") == results.at("metrics").at("test").at("loss"));
}

TEST_CASE("spectrum writes eigenvalues and a figure, and names the case", "[cli]") {
  const TempDir folder;
  fs::create_directory(folder / "rotation");  // the system is meant, not this folder
  const Result rotation = run(folder.path(), {"spectrum", "rotation", "--output", "turn"});
  INFO(rotation.output);
  CHECK(rotation.code == 0);
  CHECK_THAT(rotation.output,
             mentions("case (iii) oscillates", "2 eigenvalues on the circle", "relative error"));
  const Json result = Json::parse(read_file(folder / "turn/spectrum.json"));
  CHECK(result.at("eigenvalues").size() == 2);
  CHECK(result.at("held_out_error").get<double>() < 1e-12);
  CHECK(test::contains(read_file(folder / "turn/eigenvalues.csv"), "real,imaginary,modulus,place,residual"));
  for (const char* name : {"spectrum.svg", "K.npy", "readout.npy", "eigenfunctions.npy", "modes.npy",
                           "predictions.npy", "true_states.npy"})
    CHECK(fs::exists(folder / "turn" / name));
  CHECK(read_file(folder / "turn/K.npy").size() == 128 + 4 * sizeof(double));
  CHECK(read_file(folder / "turn/modes.npy").size() == 128 + 8 * sizeof(double));
  CHECK(result.at("resamples_that_agree") == 20);
  CHECK(result.at("spurious") == 0);
  for (const Json& residual : result.at("residuals")) CHECK(residual.get<double>() < 1e-12);
  const Result vanishing = run(
      folder.path(), {"spectrum", "spiral", "--dictionary", "monomials", "--degree", "2", "--output", "in"});
  CHECK_THAT(vanishing.output, mentions("among them that of the constant feature", "relative to the starts"));
  CHECK(Json::parse(read_file(folder / "in/spectrum.json")).at("held_out_error").get<double>() < 1e-3);
  const Result vague = run(folder.path(), {"spectrum", "rotation", "--tolerance", "0.9"});
  CHECK_THAT(vague.output, mentions("case undecided", "open: the eigenvalue", "tolerance of at most 0.05"));
  const Result unknown = run(folder.path(), {"spectrum", "rotatio"});
  CHECK(unknown.code == 1);
  CHECK_THAT(unknown.output, mentions("'rotatio'", "did you mean 'rotation'"));
  const Result wrong = run(folder.path(), {"spectrum", "hopf", "--dictionary", "wavelets"});
  CHECK(wrong.code == 2);
}

TEST_CASE("spectrum of a trained DEQ tells its case and what eq. 7 predicts", "[cli]") {
  const TempDir folder;
  train_small(folder.path(), "deq", "deq");
  train_small(folder.path(), "single", "sim");
  const Result done = spectrum(folder.path(), {"deq", "--sizes", "4,40", "--output", "out"});
  INFO(done.output);
  REQUIRE(done.code == 0);
  const Json result = Json::parse(read_file(folder / "out/spectrum.json"));
  CHECK(result.at("case") == "(ii) settles at a fixed point");
  CHECK(result.at("iterated_distance").get<double>() < 1e-3);
  const Json& rows = result.at("dictionaries");
  REQUIRE(rows.size() == 2);
  // Functions of only x are invariant: the eigenvalue 1 occurs once per input coordinate, and once for the
  // constant.
  for (const Json& row : rows)
    CHECK(row.at("at_one").get<int>() == row.at("input_coordinates").get<int>() + 1);
  const auto of = [&](std::size_t row, const char* name) { return rows[row].at(name).get<double>(); };
  CHECK(of(1, "projection_error") < of(0, "projection_error"));
  CHECK(of(1, "regression_error") < result.at("mean_error").get<double>());
  for (std::size_t row : {0, 1}) CHECK(of(row, "subspace_error") <= of(row, "projection_error"));
  for (const char* name : {"eigenvalues.csv", "spectrum.svg", "prediction.svg", "prediction.csv"})
    CHECK(fs::exists(folder / "out" / name));
  const Result lifted = spectrum(
      folder.path(), {"deq", "--sizes", "8", "--phi", "sim", "--dictionary", "fourier", "--features", "10"});
  INFO(lifted.output);
  CHECK(lifted.code == 0);
  train_small(folder.path(), "deq", "deq64", "float64");
  train_small(folder.path(), "single", "sim64", "float64");
  const Result doubled = spectrum(folder.path(), {"deq64", "--sizes", "8", "--phi", "sim64"});
  INFO(doubled.output);
  CHECK(doubled.code == 0);
  check_refused(spectrum(folder.path(), {"sim"}), "model single, expected model deq");
  check_refused(spectrum(folder.path(), {"deq", "--phi", "deq"}), "model deq, expected model single");
  check_refused(spectrum(folder.path(), {"deq", "--dictionary", "monomials", "--degree", "5"}),
                "expected at most 3000");
  check_refused(spectrum(folder.path(), {"deq"}, "300"), "given 300 training");
}

TEST_CASE("distil trains students of a DEQ and compares them with eq. 7", "[cli]") {
  const TempDir folder;
  train_small(folder.path(), "deq", "deq");
  const auto distil = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"distil", "deq", "--held-out", "20", "--threads", "1"});
    return run(folder.path(), arguments);
  };
  const Result done = distil({"--sizes", "4,8", "--inputs", "160", "--steps", "300", "--batch", "8", "--lr",
                              "0.01", "--set", "tcn_blocks=2", "--output", "out"});
  INFO(done.output);
  REQUIRE(done.code == 0);
  CHECK_THAT(done.output, mentions("SIM (single)", "SIM (two)", "eq. 7 by EDMD", "least squares to z*"));
  const Json rows = Json::parse(read_file(folder / "out/distil.json")).at("rows");
  REQUIRE(rows.size() == 2 + 4 + 4);  // the DEQ, the mean; students; eq. 7 and least squares
  CHECK(rows[0].at("method") == "DEQ");
  CHECK(rows[0].at("error") == 0);
  CHECK(rows[0].at("loss").get<double>() > 0);
  CHECK(rows[2].at("features") == 4);
  CHECK(rows[2].at("parameters").get<int>() < rows[3].at("parameters").get<int>());
  for (std::size_t student = 2; student < 4; ++student)
    CHECK(rows[student].at("error").get<double>() < .05);  // untrained: about 1
  CHECK(rows[2].at("loss").get<double>() == Approx(rows[0].at("loss").get<double>()).epsilon(.02));
  for (const char* name : {"distil.csv", "error.svg", "error.csv", "loss.svg", "loss.csv"})
    CHECK(fs::exists(folder / "out" / name));
  check_refused(distil({"--students", "three", "--inputs", "20"}),
                "given the student 'three', expected one of");
  check_refused(distil({"--students", "deq", "--inputs", "20"}), "expected a model without a solver");
  check_refused(distil({"--inputs", "300"}), "given 300 training");
  check_refused(distil({"--inputs", "20", "--set", "tcn_block=2"}), "did you mean 'tcn_blocks'");
}

TEST_CASE("kill -9 at any moment leaves a whole checkpoint that resumes", "[cli]") {
  const TempDir folder;
  for (int round = 0; round < 6; ++round) {
    const std::string name = text("r", round);
    const pid_t child = start(folder.path(), long_run(name));
    wait_for(folder.path() / name / checkpoint_name);
    std::this_thread::sleep_for(std::chrono::milliseconds(37 * round + 11));
    REQUIRE(::kill(child, SIGKILL) == 0);
    CHECK(finish(child, folder.path()).code == 128 + SIGKILL);
    const SafetensorsFile file(folder.path() / name / checkpoint_name);  // runs every check of the reader
    CHECK(file.contains("model/out.w"));
    const Result evaluated = run(folder.path(), {"eval", name, "--device", "cpu", "--split", "test"});
    INFO(evaluated.output);
    CHECK(evaluated.code == 0);
    CHECK_THAT(evaluated.output, mentions("\"loss\"", "\"accuracy\""));
  }
}

}  // namespace stillpoint
