// Tests what `tune` checks before it starts the driver: spaces, flags, storages.
#include "engine/io/files.h"
#include "tasks/search/space.h"
#include "tasks/settings/presets.h"
#include "tasks/settings/registry.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

TEST_CASE("the shipped spaces name settings that their tasks have", "[search]") {
  CHECK(space_names().size() == 13);
  for (const TaskKind* kind : task_kinds())
    for (const std::string& name : space_names()) {
      if (!name.starts_with(kind->name())) continue;
      INFO(name);
      std::string model = name.substr(std::string(kind->name()).size() + 1);
      model = model.substr(0, model.find("-minibatch"));
      const SearchSpace space = load_space(name);
      for (const auto& [setting, draw] : space.draws.items())
        for (const Json& value : *draw.begin()) {
          Json drawn = space.first_draw();
          drawn[setting] = value;
          const Json config =
              kind->resolve({{space.settings, name}, {{{"model", model}}, "test"}, {drawn, "draw"}});
          const TrainConfig train = kind->train_config(config);
          CHECK(train.epochs / train.evaluate_every >= space.grace);
        }
    }
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
  CHECK(read_space(good, "space.json").first_draw() == Json{{"lr", 1e-4}});
  CHECK_THAT(error_with("direction", "down"), mentions("space.json", "'down'", "minimize or maximize"));
  CHECK_THAT(error_with("metrics", "x"), mentions("unknown key 'metrics'", "did you mean 'metric'"));
  CHECK_THAT(error_with("trials", "many"), mentions("'trials'", "a whole number"));
  CHECK_THAT(error_with("grace", 9), mentions("grace period of 9"));
  CHECK_THAT(error_with("reduction", 1), mentions("reduction factor of 1"));
  CHECK_THAT(error_with("draws", Json::object()), mentions("given no draws"));
  CHECK_THAT(error_with("draws", {{"lr", {{"log", {1, 2}}}}}), mentions("'lr'", "log_uniform"));
  CHECK_THAT(error_with("draws", {{"lr", {{"log_uniform", {0, 2}}}}}), mentions("low > 0"));
  CHECK_THAT(error_with("draws", {{"lr", {{"uniform", {3, 2}}}}}), mentions("low <= high"));
  CHECK_THAT(error_with("draws", {{"lr", {{"choice", Json::array()}}}}), mentions("'lr'", "choice"));
  CHECK_THAT(error_with("draws", {{"epochs", {{"choice", {1, 2}}}}}),
             mentions("'epochs' among settings and draws"));
}

TEST_CASE("flags and spaces that do not fit are errors before anything is written", "[search][cli]") {
  const TempDir folder;
  write_atomically(folder / "space.json",
                   R"({"metric": "loss", "direction": "minimize", "trials": 3, "grace": 1,
    "reduction": 2, "most": 4, "settings": {}, "draws": {"lrr": {"choice": [1]}}})");
  const auto error_with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"tune", "copy-memory"});
    const test::Result result = test::run(folder.path(), more);
    CHECK(result.code == 1);
    return result.output;
  };
  CHECK_THAT(error_with({"--space", "space.json"}), mentions("lrr", "draw"));
  CHECK_THAT(error_with({"--storage", "postgresql://me:secret@host/db"}),
             mentions("with a password", "STILLPOINT_STORAGE", "--storage-file"));
  CHECK_THAT(error_with({"--storage", "postgresql://me@host/db?password=secret"}),
             mentions("with a password"));
  CHECK_THAT(error_with({"--storage", "a.db", "--storage-file", "b"}),
             mentions("--storage-file", "drop the other"));
  CHECK_THAT(error_with({"--storage", "mysql://host/db"}), mentions("'mysql'", "sqlite:///FILE"));
  CHECK_THAT(error_with({"--study", "../x"}), mentions("'../x'", "without /"));
  ::setenv("STILLPOINT_PYTHON", "/nowhere/python3", 1);
  CHECK_THAT(error_with({}), mentions("/nowhere/python3", "pip install", "STILLPOINT_PYTHON"));
  ::unsetenv("STILLPOINT_PYTHON");
  CHECK_FALSE(fs::exists(folder / "tune"));
}

}  // namespace
}  // namespace stillpoint
