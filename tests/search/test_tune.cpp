// A search as a user meets it: spaces, draws, workers that are killed, and the best settings in the end.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "engine/files.h"
#include "tasks/io/image.h"
#include "tasks/presets.h"
#include "tasks/search/worker.h"
#include "tests/catch.h"
#include "tests/error_text.h"
#include "tests/program.h"
#include "tests/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Result;
using test::TempDir;

// A search of trials that take a few hundredths of a second each.
std::vector<std::string> small_search(int trials, int workers, const std::string& scheduler = "asha",
                                      const std::string& heartbeat = "5") {
  std::vector<std::string> out{"tune",       "copy-memory", "--model",     "single",   "--trials",
                               text(trials), "--workers",   text(workers), "--folder", "search",
                               "--threads",  "1",           "--device",    "cpu",      "--heartbeat",
                               heartbeat,    "--scheduler", scheduler,     "--space",  "space.json"};
  for (const char* setting : {"blank=5", "train_sequences=8", "valid_sequences=4", "test_sequences=1",
                              "tcn_blocks=1", "tcn_channels=4", "d_phi=4", "hidden=4"})
    out.insert(out.end(), {"--set", setting});
  return out;
}

void write_space(const TempDir& folder) {
  write_atomically(folder / "space.json", R"({
    "metric": "loss", "direction": "minimize", "trials": 10, "grace": 1, "reduction": 2, "most": 6,
    "settings": {"epochs": 8},
    "draws": {"lr": {"log_uniform": [1e-4, 0.1]}, "batch": {"choice": [1, 2, 4]}}})");
}

std::vector<Trial> trials_in(const TempDir& folder) {
  return Study::open("sqlite:///" + (folder / "search/study.db").string(), "copy-memory-single").trials();
}

// Checks what holds for every ended search: as many trials as asked for, each ended, none lost, none counted
// twice.
void check_ended(const std::vector<Trial>& trials, Index asked) {
  std::vector<Index> retried;
  for (const Trial& t : trials)
    if (t.system_attributes.contains("retry_history"))
      for (const Json& number : t.system_attributes.at("retry_history"))
        retried.push_back(number.get<Index>());
  Index counted = 0;
  for (const Trial& t : trials) {
    INFO("trial " << t.number);
    const bool replaced = std::find(retried.begin(), retried.end(), t.number) != retried.end();
    if (replaced) {
      CHECK(t.state == TrialState::fail);
      continue;
    }
    ++counted;
    CHECK((t.state == TrialState::complete || t.state == TrialState::pruned));
    REQUIRE(!t.intermediate_values.empty());
    REQUIRE(t.value);
    CHECK(*t.value == t.intermediate_values.rbegin()->second);
    for (Index step = 1; step <= t.intermediate_values.rbegin()->first; ++step)
      CHECK(t.intermediate_values.contains(step));
    if (t.state == TrialState::complete) CHECK(t.intermediate_values.rbegin()->first == 6);
  }
  CHECK(counted == asked);
}

}  // namespace

TEST_CASE("the shipped spaces name metrics and settings that their tasks have", "[search]") {
  CHECK(space_names().size() == 13);
  for (const TaskKind* kind : task_kinds())
    for (const std::string& name : space_names()) {
      if (!name.starts_with(kind->name())) continue;
      INFO(name);
      std::string model = name.substr(std::string(kind->name()).size() + 1);
      model = model.substr(0, model.find("-minibatch"));
      SearchPlan plan{.kind = kind, .space = load_space(name), .settings = {{{{"model", model}}, "test"}}};
      for (Index number = 0; number < 20; ++number) {
        const Json config = plan.config(plan.space.draw(1, number));
        const TrainConfig train = kind->train_config(config);
        CHECK(train.epochs / train.evaluate_every >= plan.space.asha.grace);
      }
    }
}

TEST_CASE("a draw depends on seed and number alone, and fills its interval as its kind says", "[search]") {
  const SearchSpace space =
      read_space(Json::parse(R"({"metric": "loss", "direction": "maximize", "trials": 3, "grace": 1,
    "reduction": 2, "most": 4, "settings": {}, "draws": {"lr": {"log_uniform": [1e-4, 1]}, "clip": {"uniform": [2, 4]},
    "batch": {"choice": [1, 2, 5, 10]}}})"),
                 "test");
  CHECK(space.direction == Direction::maximize);
  CHECK(settings_of(space.draw(3, 7)) == settings_of(space.draw(3, 7)));
  CHECK(settings_of(space.draw(3, 7)) != settings_of(space.draw(3, 8)));
  CHECK(settings_of(space.draw(3, 7)) != settings_of(space.draw(4, 7)));
  constexpr int n = 4000;
  int small = 0, low = 0;
  std::map<int, int> batches;
  for (int i = 0; i < n; ++i) {
    const Json drawn = settings_of(space.draw(0, i));
    small += drawn.at("lr").get<double>() < 1e-2;
    low += drawn.at("clip").get<double>() < 3;
    ++batches[drawn.at("batch").get<int>()];
    REQUIRE((drawn.at("lr") >= 1e-4 && drawn.at("lr") <= 1));
    REQUIRE((drawn.at("clip") >= 2 && drawn.at("clip") <= 4));
  }
  const double deviation = std::sqrt(n * 0.25);  // of a half; of a quarter less
  CHECK(std::abs(small - n / 2) < 5 * deviation);
  CHECK(std::abs(low - n / 2) < 5 * deviation);
  for (const int batch : {1, 2, 5, 10}) CHECK(std::abs(batches[batch] - n / 4) < 5 * deviation);
}

TEST_CASE("a search space that does not make sense is refused", "[search]") {
  const Json good =
      Json::parse(R"({"metric": "loss", "direction": "minimize", "trials": 3, "grace": 1, "reduction": 2,
    "most": 4, "settings": {"epochs": 3}, "draws": {"lr": {"log_uniform": [1e-4, 1]}}})");
  const auto error_with = [&](const std::string& key, const Json& value) {
    Json changed = good;
    changed[key] = value;
    return error_text([&] { read_space(changed, "space.json"); });
  };
  read_space(good, "space.json");
  CHECK_THAT(error_with("direction", "down"), mentions("space.json", "'down'", "minimize or maximize"));
  CHECK_THAT(error_with("metrics", "x"), mentions("unknown key 'metrics'", "did you mean 'metric'"));
  CHECK_THAT(error_with("trials", "many"), mentions("'trials'", "a whole number"));
  CHECK_THAT(error_with("grace", 9), mentions("grace period of 9"));
  CHECK_THAT(error_with("draws", Json::object()), mentions("given no draws"));
  CHECK_THAT(error_with("draws", {{"lr", {{"log", {1, 2}}}}}), mentions("'lr'", "log_uniform"));
  CHECK_THAT(error_with("draws", {{"epochs", {{"choice", {1, 2}}}}}),
             mentions("'epochs' among settings and draws"));
}

TEST_CASE("a search runs its trials, stops the worse ones and keeps the best settings", "[search][cli]") {
  const TempDir folder;
  write_space(folder);
  const Result result = test::run(folder.path(), small_search(12, 1));
  INFO(result.output);
  REQUIRE(result.code == 0);
  const std::vector<Trial> trials = trials_in(folder);
  check_ended(trials, 12);
  const auto pruned = std::count_if(trials.begin(), trials.end(),
                                    [](const Trial& t) { return t.state == TrialState::pruned; });
  CHECK(pruned >= 3);
  double best = std::numeric_limits<double>::infinity();
  for (const Trial& t : trials)
    if (t.state == TrialState::complete) best = std::min(best, *t.value);
  CHECK_THAT(result.output, mentions("best: trial", "stillpoint train copy-memory --config"));
  const Json config = read_json_file((folder / "search/best.json").string());
  CHECK(config.at("epochs") == 8);
  const auto winner = std::find_if(trials.begin(), trials.end(), [&](const Trial& t) {
    return t.state == TrialState::complete && *t.value == best;
  });
  REQUIRE(winner != trials.end());
  CHECK(config.at("lr") == winner->parameters[0].value());
  CHECK(!fs::exists(folder / "search/00000/results.json") == (trials[0].intermediate_values.size() < 8));

  const Result more = test::run(folder.path(), small_search(14, 1));
  REQUIRE(more.code == 0);
  check_ended(trials_in(folder), 14);
  {
    Study study = Study::open("sqlite:///" + (folder / "search/study.db").string(), "copy-memory-single");
    study.requeue(study.create_trial([](Index) { return std::vector<Parameter>(); }));
  }
  const Result enough = test::run(folder.path(), small_search(14, 1));  // whatever waits beyond that
  CHECK(enough.code == 0);
  CHECK_THAT(enough.output, mentions("1 to be resumed"));
  const Result other = test::run(folder.path(), small_search(14, 1, "none"));
  CHECK(other.code == 1);
  CHECK_THAT(other.output, mentions("scheduler"));
}

TEST_CASE("workers share a study, and a random search stops nobody", "[search][cli]") {
  const TempDir folder;
  write_space(folder);
  const Result result = test::run(folder.path(), small_search(9, 3, "none"));
  INFO(result.output);
  REQUIRE(result.code == 0);
  const std::vector<Trial> trials = trials_in(folder);
  check_ended(trials, 9);
  for (const Trial& t : trials) CHECK(t.state == TrialState::complete);
}

TEST_CASE("an interrupted search waits, and goes on where it was", "[search][cli]") {
  const TempDir folder;
  write_space(folder);
  std::vector<std::string> arguments = small_search(4, 1, "none");
  arguments.insert(arguments.end(), {"--set", "train_sequences=400", "--set", "epochs=7"});
  const pid_t child = test::start(folder.path(), arguments);
  test::wait_for(folder / "search/00000/checkpoint.safetensors");
  ::kill(child, SIGINT);
  const Result stopped = test::finish(child, folder.path());
  INFO(stopped.output);
  CHECK(stopped.code == 130);
  CHECK_THAT(stopped.output, mentions("waits to be resumed", "1 to be resumed"));
  const Result result = test::run(folder.path(), arguments);
  REQUIRE(result.code == 0);
  const std::vector<Trial> trials = trials_in(folder);
  check_ended(trials, 4);
  CHECK(trials.size() == 4);
}

TEST_CASE("a trial that others run without heartbeats is not waited for", "[search][cli]") {
  const TempDir folder;
  write_space(folder);
  REQUIRE(test::run(folder.path(), small_search(1, 1)).code == 0);
  const std::string study = "sqlite:///" + (folder / "search/study.db").string();
  open_database(study, OpenMode::existing)
      ->execute("INSERT INTO trials (number, study_id, state) VALUES (1, 1, 'RUNNING')");
  const Result result = test::run(folder.path(), small_search(3, 1));
  INFO(result.output);
  REQUIRE(result.code == 0);
  CHECK_THAT(result.output,
             mentions("0 to be resumed, 1 running elsewhere", "trial 1 gives no signs of life"));
  const std::vector<Trial> trials = trials_in(folder);
  REQUIRE(trials.size() == 3);
  CHECK(trials[1].state == TrialState::running);
  CHECK(trials[2].state != TrialState::running);
}

TEST_CASE("a worker that cannot train starts no trial", "[search][cli]") {
  const TempDir folder;
  for (const char* workers : {"1", "2"}) {
    const Result result = test::run(
        folder.path(), {"tune", "image-classification", "--set", "dataset=mnist", "--data", "nowhere",
                        "--trials", "3", "--workers", workers, "--folder", "search", "--device", "cpu"});
    INFO(result.output);
    CHECK(result.code == 1);
    CHECK_THAT(result.output, mentions("nowhere"));
    CHECK_FALSE(fs::exists(folder / "search/study.db"));
  }
}

TEST_CASE("a folder holds the runs of one study", "[search][cli]") {
  const TempDir folder;
  write_space(folder);
  REQUIRE(test::run(folder.path(), small_search(1, 1)).code == 0);
  std::vector<std::string> other = small_search(1, 1);
  other.insert(other.end(), {"--study", "other"});
  const Result result = test::run(folder.path(), other);
  CHECK(result.code != 0);
  CHECK_THAT(result.output, mentions("with the runs of another study than other", "choose another --folder"));
  check_ended(trials_in(folder), 1);
}

TEST_CASE("machines that keep one picture in other folders share a study", "[search][cli]") {
  const TempDir folder;
  Image picture{8, 8, 3, {}};
  for (int i = 0; i < 8 * 8 * 3; ++i) picture.rgb.push_back(std::uint8_t(i));
  for (const char* machine : {"one", "other"}) make_folder(folder / machine);
  write_png(folder / "one/a.png", picture);
  write_png(folder / "other/a.png", picture);
  write_png(folder / "other/b.png", picture);
  write_atomically(folder / "space.json", R"({
    "metric": "psnr", "direction": "maximize", "trials": 2, "grace": 1, "reduction": 2, "most": 1,
    "settings": {"epochs": 1, "hidden": 4, "d_psi": 4}, "draws": {"lr": {"log_uniform": [1e-4, 0.1]}}})");
  const auto search = [&](const char* image, const char* trials) {
    return test::run(folder.path(),
                     {"tune", "image-regression", image, "--model", "rff", "--space", "space.json",
                      "--trials", trials, "--folder", "search", "--device", "cpu"});
  };
  const auto trials = [&] {
    return Study::open("sqlite:///" + (folder / "search/study.db").string(), "image-regression-rff").trials();
  };
  REQUIRE(search("one/a.png", "1").code == 0);
  const Result moved = search("other/a.png", "2");
  INFO(moved.output);
  CHECK(moved.code == 0);
  CHECK(trials().size() == 2);
  const Result another = search("other/b.png", "3");
  CHECK(another.code == 1);
  CHECK_THAT(another.output, mentions("b.png", "a.png", "as it was created"));
  CHECK(trials().size() == 2);
}

TEST_CASE("workers killed at any moment lose no trial", "[search][cli]") {
  const TempDir folder;
  write_space(folder);
  constexpr int asked = 16;
  std::vector<std::string> arguments = small_search(asked, 1, "asha", "0.2");
  arguments.insert(arguments.end(), {"--set", "train_sequences=40", "--retries", "12"});
  std::mt19937 random(5);
  // Each life of the search ends after a random time, of which some fall into starting up.
  for (int life = 0; life < 12; ++life) {
    const pid_t child = test::start(folder.path(), arguments);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 500));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
  }
  const Result result = test::run(folder.path(), arguments);
  INFO(result.output);
  REQUIRE(result.code == 0);
  check_ended(trials_in(folder), asked);
}

TEST_CASE("a trial that no worker survives is given up", "[search][cli]") {
  const TempDir folder;
  write_space(folder);
  std::vector<std::string> arguments = small_search(1, 1, "none", "0.1");
  arguments.insert(arguments.end(), {"--set", "train_sequences=4000", "--retries", "1"});
  for (int life = 0; life < 2; ++life) {
    const fs::path log = folder / "search/00000.log";
    const auto before = fs::exists(log) ? fs::file_size(log) : 0;
    const pid_t child = test::start(folder.path(), arguments);
    for (int i = 0; i < 600 && !(fs::exists(log) && fs::file_size(log) > before); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
  }
  const Result result = test::run(folder.path(), arguments);
  INFO(result.output);
  CHECK(result.code == 1);  // nothing was found
  const std::vector<Trial> trials = trials_in(folder);
  CHECK_THAT(result.output, mentions("tried too often, given up", "no trial is complete"));
  for (const Trial& t : trials) CHECK(t.state == TrialState::fail);
  CHECK(trials.size() == 2);
}

TEST_CASE("a worker that is killed is started again by the others' parent", "[search][cli]") {
  const TempDir folder;
  write_space(folder);
  std::vector<std::string> arguments = small_search(8, 2, "asha", "1");
  arguments.insert(arguments.end(), {"--set", "train_sequences=200"});
  const pid_t parent = test::start(folder.path(), arguments);
  test::wait_for(folder / "search/00001/checkpoint.safetensors");
  const std::string children = read_file(text("/proc/", parent, "/task/", parent, "/children"));
  ::kill(pid_t(std::stol(children)), SIGKILL);
  const Result result = test::finish(parent, folder.path());
  INFO(result.output);
  CHECK(result.code == 0);
  CHECK_THAT(result.output, mentions("was ended by signal 9; started again"));
  check_ended(trials_in(folder), 8);
}

}  // namespace stillpoint
