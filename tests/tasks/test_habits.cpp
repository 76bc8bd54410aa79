// Tests the habits of training: the best checkpoint, patience, targets, longer runs and initial weights.

#include "engine/io/checkpoint.h"
#include "tasks/training/habits/initial_weights.h"
#include "tasks/training/habits/watched_metric.h"
#include "tasks/training/run_folder.h"
#include "tests/support/catch.h"
#include "tests/support/command_line.h"
#include "tests/support/error_text.h"
#include "tests/support/metrics_rows.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Ran;
using test::run_command;
using test::TempDir;

// Trains a small copy-memory model of 4 steps per epoch.
Ran train_in(const fs::path& folder, const std::vector<std::string>& settings,
             const std::vector<std::string>& flags = {}) {
  std::vector<std::string> command{"train", "copy-memory", "--device", "cpu", "--run", folder.string()};
  command.insert(command.end(), flags.begin(), flags.end());
  for (const char* small :
       {"blank=4", "train_sequences=16", "valid_sequences=4", "test_sequences=4", "batch=4", "tcn_blocks=2",
        "tcn_channels=3", "tcn_kernel=2", "d_phi=4", "hidden=4", "log_every=3"})
    command.insert(command.end(), {"--set", small});
  for (const std::string& setting : settings) command.insert(command.end(), {"--set", setting});
  return run_command(command);
}

Ran resume(const fs::path& folder, const std::vector<std::string>& settings) {
  std::vector<std::string> command{"train", "copy-memory", "--device", "cpu", "--resume", folder.string()};
  for (const std::string& setting : settings) command.insert(command.end(), {"--set", setting});
  return run_command(command);
}

struct One {
  Tensor w;
  template <class P>
  void params(P& p) {
    p("w", w);
  }
};

// Returns the bytes of all tensors of a checkpoint, the optimiser's included.
std::string tensors_in(const fs::path& file) {
  const SafetensorsFile tensors(file);
  std::string all;
  for (const SafetensorsPlace& place : tensors.entries()) {
    std::string bytes(place.size, '\0');
    tensors.read(place, bytes.data());
    all += place.name + bytes;
  }
  return all;
}

}  // namespace

TEST_CASE("10 and 10 epochs are 20 to the bit if the rate is constant", "[habits]") {
  const TempDir dir;
  for (const std::string schedule : {"constant", "step"}) {
    const auto with = [&](const char* epochs) {
      std::vector<std::string> settings{"schedule=" + schedule, epochs};
      if (schedule == "step") settings.push_back("step_epochs=2");
      return settings;
    };
    REQUIRE(train_in(dir / (schedule + "6"), with("epochs=6")).code == 0);
    REQUIRE(train_in(dir / schedule, with("epochs=3")).code == 0);
    const Ran longer = resume(dir / schedule, {"epochs=6"});
    INFO(longer.err);
    REQUIRE(longer.code == 0);
    CHECK_THAT(longer.out, mentions("epochs: 3 become 6", "bit for bit", "finished: 12 steps"));
    CHECK(tensors_in(dir / schedule / checkpoint_name) ==
          tensors_in(dir / (schedule + "6") / checkpoint_name));
    CHECK(read_json_file(dir / schedule / "results.json")["metrics"] ==
          read_json_file(dir / (schedule + "6") / "results.json")["metrics"]);
    CHECK(read_json_file(dir / schedule / config_name)["config"]["epochs"] == 6);
  }
  REQUIRE(train_in(dir / "cosine", {"schedule=cosine", "epochs=2"}).code == 0);
  const Ran longer = resume(dir / "cosine", {"epochs=4"});
  CHECK(longer.code == 0);
  CHECK_THAT(longer.out, mentions("epochs: 2 become 4", "rates of schedule cosine",
                                  "step 8 had 3.806e-05, and has 0.0005975 in a run of 4"));
  CHECK_THAT(resume(dir / "cosine", {"lr=1"}).err,
             mentions("given together with settings", "epochs, patience"));
  CHECK_THAT(resume(dir / "cosine", {"epochs=1"}).err, mentions("step 16", "at most step 4"));
  CHECK_THAT(resume(dir / "cosine", {"epochs=4"}).out, mentions("finished already"));
}

TEST_CASE("the best checkpoint is that of the best evaluation", "[habits]") {
  const TempDir dir;
  const Ran trained = train_in(dir / "run", {"epochs=6", "lr=0.3", "best=loss"});
  INFO(trained.err);
  REQUIRE(trained.code == 0);
  double best = INFINITY;
  Index step = 0;
  for (const auto& row : test::rows_of(dir / "run" / "metrics.jsonl"))
    if (row["split"] == "valid" && row["loss"].get<double>() < best) {
      best = row["loss"].get<double>();
      step = row["step"].get<Index>();
    }
  const fs::path file = dir / "run" / best_name;
  CHECK(read_checkpoint_record(file)["step"] == step);
  CHECK_THAT(trained.out, mentions(text("at step ", step), best_name));
  const Ran evaluated = run_command({"eval", file.string(), "--split", "valid", "--device", "cpu"});
  REQUIRE(evaluated.code == 0);
  CHECK(parse_json(evaluated.out)["valid"]["loss"].get<double>() == best);
  CHECK_THAT(train_in(dir / "other", {"best=losss"}).err, mentions("'losss'", "loss", "did you mean"));
}

TEST_CASE("patience, a target and a time end a run, which counts as finished and can go on", "[habits]") {
  const TempDir dir;
  const Ran patient = train_in(dir / "patient", {"epochs=30", "lr=1e-30", "patience=2"});
  INFO(patient.err);
  REQUIRE(patient.code == 0);
  CHECK_THAT(patient.out, mentions("ended after 12 of 120 steps: no better valid loss in 2 evaluations",
                                   "at step 4", "finished: 12 steps"));
  CHECK_THAT(read_json_file(dir / "patient" / "results.json")["ended"].get<std::string>(),
             mentions("no better"));
  CHECK_THAT(resume(dir / "patient", {}).out, mentions("finished already, after 12 steps"));
  CHECK_THAT(resume(dir / "patient", {"patience=4"}).out, mentions("ended after 20 of 120 steps"));
  const Ran reached = train_in(dir / "target", {"epochs=30", "target=1000"});
  CHECK_THAT(reached.out, mentions("ended after 4 of 120 steps: the target 1000 is reached"));
  const Ran timed = train_in(dir / "time", {"epochs=1000000", "minutes=0.001"});
  CHECK(timed.code == 0);
  CHECK_THAT(timed.out, mentions("the time of 0.001 minutes is over"));
  CHECK_THAT(train_in(dir / "no", {"target=high"}).err, mentions("'high'", "a number"));
}

TEST_CASE("a stopped run resumes with the patience that is left", "[habits]") {
  TrainConfig config;
  config.patience = 3;
  WatchedMetric watched(config), other(config);
  CHECK(watched.take(4, {{"accuracy", 0.5}}));
  CHECK_FALSE(watched.take(8, {{"accuracy", 0.5}}));
  CHECK_FALSE(watched.take(12, {{"accuracy", NAN}}));
  CHECK(watched.reason_to_end(0).empty());
  RunRecord record;
  record.step = 12;
  watched.write(record);
  other.read(record);
  CHECK_FALSE(other.take(16, {{"accuracy", 0.4}}));
  CHECK_THAT(other.reason_to_end(0),
             mentions("no better valid accuracy in 3 evaluations", "0.5000 at step 4"));
  CHECK_THAT(error_text([&] {
               WatchedMetric(config).take(4, {{"shape", 1}});
             }),
             mentions("'shape'", "nobody knows whether more is better"));
}

TEST_CASE("a run begins with the weights of another that fit, and names the others", "[habits]") {
  const TempDir dir;
  REQUIRE(train_in(dir / "a", {"epochs=1"}).code == 0);
  const Ran same =
      train_in(dir / "b", {"epochs=1", "lr=1e-30"}, {"--init", (dir / "a").string(), "--seed", "5"});
  INFO(same.err);
  REQUIRE(same.code == 0);
  CHECK_THAT(same.out, mentions("tensors begin as in"));
  CHECK_FALSE(test::contains(same.out, "keep their own"));
  const SafetensorsFile a(dir / "a" / checkpoint_name), b(dir / "b" / checkpoint_name);
  for (const SafetensorsPlace& place : a.entries()) {
    if (!place.name.starts_with("model/")) continue;
    std::string first(place.size, '\0'), second(place.size, '\0');
    a.read(place, first.data());
    b.read(b.at(place.name), second.data());
    INFO(place.name);
    CHECK(first == second);
  }
  const Ran wider =
      train_in(dir / "c", {"epochs=1", "hidden=5"}, {"--init", (dir / "a" / checkpoint_name).string()});
  CHECK(wider.code == 0);
  CHECK_THAT(wider.out, mentions("keep their own initial values", "(5) here, F32 (4) there"));
  const float value[2] = {1, 2};
  save_safetensors(dir / "foreign.safetensors", {{"x", "F32", {2}, std::as_bytes(std::span(value))}});
  CHECK_THAT(train_in(dir / "d", {}, {"--init", (dir / "foreign.safetensors").string()}).err,
             mentions("no tensor has a name and shape", "not used: x"));
}

TEST_CASE("initial weights are converted from every type of numbers", "[habits]") {
  const TempDir dir;
  One one{Tensor::zeros({3}).variable()};
  const double f64[] = {1.5, -2, 0.25};
  const std::uint16_t f16[] = {0x3e00, 0xc000, 0x3400}, bf16[] = {0x3fc0, 0xc000, 0x3e80};
  const std::pair<const char*, Bytes> stored[] = {{"F64", std::as_bytes(std::span(f64))},
                                                  {"F16", std::as_bytes(std::span(f16))},
                                                  {"BF16", std::as_bytes(std::span(bf16))}};
  for (const auto& [dtype, bytes] : stored) {
    save_safetensors(dir / "w.safetensors", {{"w", dtype, {3}, bytes}});
    one.w.assign(Tensor::zeros({3}));
    CHECK_THAT(load_initial_weights(dir / "w.safetensors", params_of(one)), mentions("1 of 1 tensors"));
    CHECK(one.w.values() == std::vector<double>{1.5, -2, 0.25});
  }
}

TEST_CASE("results and TensorBoard say what made the run", "[habits]") {
  const TempDir dir;
  REQUIRE(train_in(dir / "a", {"epochs=1"}).code == 0);
  const Json made = read_json_file((dir / "a" / "results.json").string())["made_by"];
  for (const char* fact : {"stillpoint", "compiler", "processor", "threads", "oneDNN", "date", "device"})
    CHECK(made.contains(fact));
  CHECK_THAT(made["command"].get<std::string>(), mentions("train copy-memory"));
  for (const char* fact : {"ms_per_step", "examples_per_second", "peak_memory_mb"})
    CHECK(made[fact].get<double>() > 0);
  bool hparams = false;
  for (const auto& entry : fs::directory_iterator(dir / "a"))
    if (entry.path().filename().string().starts_with("events."))
      hparams = hparams || read_file(entry.path()).find("_hparams_/session_start_info") != std::string::npos;
  CHECK(hparams);
}

}  // namespace stillpoint
