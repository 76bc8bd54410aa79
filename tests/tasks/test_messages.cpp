// Tests messages about damaged files and impossible paths: they use the project's own words and name the
// file.
#include <sys/stat.h>

#include "engine/io/files.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::TempDir;

using Words = std::vector<std::string>;

// Runs the program, which may succeed. If it fails, its message has to be in the project's words and to
// contain `name`.
void check_words(const TempDir& dir, const Words& words, const std::string& name) {
  Words command{"/usr/bin/timeout", "60", STILLPOINT_PROGRAM};
  command.insert(command.end(), words.begin(), words.end());
  const test::Result result = test::finish(test::start_command(dir.path(), command), dir.path());
  std::string shown;
  for (const std::string& word : words) shown += " " + word.substr(0, 100);
  INFO(shown << "\n" << result.output);
  CHECK(result.code <= 2);
  for (const char* foreign :
       {"std::", "[json.exception", "basic_", "filesystem error", "what():", "terminate called",
        "vector::", "stoi", "bad_", "fault of its own", "of another kind than this program"})
    CHECK_FALSE(contains(result.output, foreign));
  if (result.code == 0) return;
  CHECK_THAT(result.output, mentions("stillpoint: ", name));
}

Words tiny_run(const std::string& folder) {
  Words words{"train", "copy-memory", "--threads", "1", "--run", folder};
  for (const char* setting : {"model=tcn", "blank=1", "train_sequences=4", "valid_sequences=1",
                              "test_sequences=1", "epochs=1", "tcn_blocks=1", "tcn_channels=2"})
    words.insert(words.end(), {"--set", setting});
  return words;
}

// Texts that are not JSON, or JSON of another shape than any file of a run.
const std::vector<std::string>& contents() {
  static const std::vector<std::string> all{"",
                                            "{",
                                            "\xff\xfe{}",
                                            "null",
                                            "[[1]]",
                                            "\"text\"",
                                            "7",
                                            "{\"a\": 1e999}",
                                            "{\"a\": 1, \"a\": 2}",
                                            std::string(100000, '['),
                                            R"({"task": 5, "config": {}})",
                                            R"({"task": "copy-memory", "config": []})",
                                            R"({"task": "nothing", "config": {}})",
                                            R"({"task": "copy-memory", "config": {"epochs": {}}})",
                                            R"({"step": "x", "time": [], "split": 3})",
                                            R"({"steps": [], "metrics": 3, "seconds": "x"})"};
  return all;
}

}  // namespace

TEST_CASE("damaged files of a run are named in the project's words", "[messages][cli]") {
  const TempDir dir;
  REQUIRE(test::run(dir.path(), tiny_run("whole")).code == 0);
  for (const char* name : {"config.json", "metrics.jsonl", "results.json", "checkpoint.safetensors"})
    for (const std::string& bytes : contents()) {
      INFO(name << ": " << bytes.substr(0, 60));
      fs::remove_all(dir / "r");
      fs::copy(dir / "whole", dir / "r");
      fs::remove(dir / "r/checkpoint.previous.safetensors");
      test::write_bytes(dir / ("r/" + std::string(name)), bytes);
      if (std::string(name) != "results.json") fs::remove(dir / "r/results.json");
      check_words(dir, {"report", "r"}, name);
      check_words(dir, {"train", "copy-memory", "--resume", "r", "--threads", "1"}, name);
    }
}

TEST_CASE("settings, presets, spaces and jobs that are damaged are named", "[messages][cli]") {
  const TempDir dir;
  fs::create_directories(dir / "presets/copy-memory");
  ::setenv("STILLPOINT_PRESETS", (dir / "presets").c_str(), 1);
  ::setenv("STILLPOINT_PYTHON", "/nowhere/python3", 1);
  for (const std::string& bytes : contents()) {
    INFO(bytes.substr(0, 60));
    test::write_bytes(dir / "c.json", bytes);
    test::write_bytes(dir / "presets/copy-memory/mine.json", bytes);
    // A run's settings are under "config", so that this text may be valid.
    const bool sound = contains(bytes, R"("config": {})");
    check_words(dir, {"train", "copy-memory", "--config", "c.json", "--set", "epochs=x"},
                sound ? "epochs" : "c.json");
    check_words(dir, {"train", "copy-memory", "--preset", "mine", "--set", "epochs=x"}, "mine");
    check_words(dir, {"tune", "copy-memory", "--space", "c.json"}, "c.json");
  }
  // Makes a finished run of a table.
  fs::create_directories(dir / "repro/table1/paper-single-seed1");
  test::write_bytes(dir / "repro/table1/paper-single-seed1/results.json", "{}");
  for (const char* bytes : {"[[1]]", R"({"task": 5, "config": {}, "content": 7})"}) {
    test::write_bytes(dir / "repro/table1/paper-single-seed1/config.json", bytes);
    check_words(dir, {"reproduce", "table1", "--folder", "repro", "--dry-run"}, "paper-single-seed1/");
  }
  ::unsetenv("STILLPOINT_PRESETS");
  ::unsetenv("STILLPOINT_PYTHON");
}

TEST_CASE("paths that cannot be are named, wherever a path is given", "[messages][cli]") {
  const TempDir dir;
  test::write_bytes(dir / "file", "x");
  fs::create_symlink("loop", dir / "loop");
  fs::create_directory(dir / "closed");
  ::chmod((dir / "closed").c_str(), 0);  // root may enter it anyway
  for (const std::string& path : {std::string(300, 'n'), std::string("loop"), std::string("loop/x"),
                                  std::string("file/x"), std::string("closed/x"), std::string("missing/x"),
                                  std::string("/proc/self/mem"), std::string(5000, 'n')}) {
    const std::string name = path.substr(0, 20);
    for (const Words& words :
         std::vector<Words>{{"eval", path},
                            {"predict", path, "x.png"},
                            {"report", path},
                            {"spectrum", path, "--output", "o"},
                            {"spectrum", "rotation", "--output", path},
                            {"train", "copy-memory", "--resume", path},
                            {"train", "copy-memory", "--config", path},
                            {"train", "image-regression", path},
                            {"train", "image-classification", "--data", path},
                            {"train", "image-classification", "--dataset", "svhn", "--data", path},
                            {"tune", "copy-memory", "--storage-file", path}})
      check_words(dir, words, name);
    Words train = tiny_run(path);
    check_words(dir, train, name);
  }
  check_words(dir, {"reproduce", "fig2", "--folder", "file/x"}, "file/x");
  ::chmod((dir / "closed").c_str(), 0700);
}

TEST_CASE("flags without their value, given twice or with one too many are said in the project's words",
          "[messages][cli]") {
  const TempDir dir;
  const auto refused = [&](const Words& words, const Mentions& expected) {
    const test::Result result = test::run(dir.path(), words);
    CHECK(result.code == 2);
    CHECK_THAT(result.output, expected);
  };
  refused({"eval"}, mentions("eval: given no CHECKPOINT, expected it"));
  refused({"train", "copy-memory", "--run"}, mentions("--run: given without a value"));
  refused({"train", "copy-memory", "--seed", "1", "--seed", "2"}, mentions("--seed: given more than once"));
  refused({"selftest", "--no-timing=maybe"}, mentions("--no-timing: given a value, expected none"));
}

}  // namespace stillpoint
