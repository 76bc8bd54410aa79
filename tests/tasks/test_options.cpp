// Tests the command line's words: each flag, value, name and path is used, or refused in the project's words.
#include <signal.h>

#include <regex>

#include "engine/config.h"
#include "engine/io/files.h"
#include "tasks/io/image.h"
#include "tasks/settings/presets.h"
#include "tasks/settings/registry.h"
#include "tests/support/catch.h"
#include "tests/support/command_line.h"
#include "tests/support/error_text.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

using test::contains;
using test::Ran;
using test::run_command;
using test::TempDir;

void expect_refusal(const std::vector<std::string>& arguments, const Mentions& words, int code = 1) {
  const Ran told = run_command(arguments);
  INFO(told.out << told.err);
  CHECK(told.code == code);
  CHECK_THAT(told.err, words);
}

}  // namespace

TEST_CASE("numbers on the command line are whole, in range and finite", "[settings]") {
  std::vector<std::vector<std::string>> commands{
      {"eval"}, {"predict"}, {"spectrum"}, {"reproduce"}, {"selftest"}};
  for (const TaskKind* kind : task_kinds()) {
    commands.push_back({"train", kind->name()});
    commands.push_back({"tune", kind->name()});
  }
  Index driven = 0;
  for (std::vector<std::string> words : commands) {
    words.push_back("--help");
    const std::string help = run_command(words).out;
    words.pop_back();
    const std::regex flag("\n *(--[a-z-]+) (INT|UINT|FLOAT)");
    for (std::sregex_iterator at(help.begin(), help.end(), flag), end; at != end; ++at)
      for (const char* value :
           {"nan", "inf", "-inf", "1e400", "99999999999999999999999", "-1", "1.5.2", "0x10", "ten", "1 "}) {
        std::vector<std::string> given = words;
        given.push_back((*at)[1].str() + "=" + value);
        expect_refusal(given, mentions((*at)[1].str(), std::string("given '") + value, "expected"), 2);
        ++driven;
      }
  }
  CHECK(driven > 200);
}

TEST_CASE("unknown words are named with a near neighbour, or none", "[settings]") {
  expect_refusal({"trian"}, mentions("given 'trian'", "one of train, tune", "did you mean 'train'?"), 2);
  expect_refusal({"train", "copy-memmory"}, mentions("'copy-memmory'", "did you mean 'copy-memory'?"), 2);
  expect_refusal({"train"}, mentions("train: given no command", "copy-memory"), 2);
  expect_refusal({"train", "copy-memory", "--sead=1"}, mentions("'--sead=1'", "did you mean '--seed'?"), 2);
  expect_refusal({"train", "copy-memory", "x"}, mentions("given 'x'", "leave it out"), 2);
  const Ran far = run_command({"train", "copy-memory", "--set", "early_stopping=3"});
  CHECK_THAT(far.err, mentions("'early_stopping'"));
  CHECK_FALSE(contains(far.err, "did you mean"));
  expect_refusal({"train", "copy-memory", "--preset", "quik"}, mentions("did you mean 'quick'?"));
  expect_refusal({"spectrum", "hopff"}, mentions("did you mean 'hopf'?"));
  expect_refusal({"selftest", "--device", "cdua"}, mentions("did you mean 'cuda'?"), 2);
}

TEST_CASE("an option that would do nothing is an error", "[settings]") {
  expect_refusal({"spectrum", "hopf", "--held-out", "3"},
                 mentions("--held-out", "a textbook system", "would do nothing"));
  expect_refusal({"spectrum", "hopf", "--sizes", "3"}, mentions("--sizes"));
  expect_refusal({"spectrum", "hopf", "--phi", "run"}, mentions("--phi"));
  expect_refusal({"spectrum", "hopf", "--degree", "3"}, mentions("--degree", "dictionary fourier"));
  expect_refusal({"spectrum", "rotation", "--features", "4"}, mentions("--features", "dictionary identity"));
  expect_refusal({"spectrum", "hopf", "--dictionary", "monomials", "--bandwidth", "2"},
                 mentions("--bandwidth"));
  expect_refusal({"train", "copy-memory", "--preset", "list", "--seed", "1"},
                 mentions("--seed", "--preset list"));
  expect_refusal({"train", "copy-memory", "--run", ""}, mentions("--run", "empty text"));
  expect_refusal({"reproduce", "fig2", "--seeds", "2"}, mentions("--seeds", "fig2"));
  expect_refusal({"reproduce", "table1", "--data", "x"}, mentions("--data", "table1"));
  for (const char* flag : {"--grace", "--reduction"})
    expect_refusal({"tune", "copy-memory", "--scheduler", "none", flag, "2"},
                   mentions(flag, "--scheduler none"));
}

TEST_CASE("a setting on the command line that the run does not use is an error", "[settings]") {
  const auto idle = [](std::vector<std::string> settings, const Mentions& words,
                       const char* task = "copy-memory") {
    std::vector<std::string> train{"train", task};
    for (const std::string& setting : settings) train.insert(train.end(), {"--set", setting});
    expect_refusal(train, words);
  };
  idle({"momentum=0.9"}, mentions("--set momentum=0.9", "optimiser adam", "do nothing", "rmsprop", "sgd"));
  idle({"optimiser=sgd", "beta2=0.9"}, mentions("beta2", "optimiser sgd", "with optimiser adam"));
  idle({"schedule=1cycle", "beta1=0.8"}, mentions("beta1", "schedule 1cycle"));
  idle({"step_epochs=3"}, mentions("step_epochs", "schedule constant", "schedule step"));
  idle({"dtype=float64", "precision=bf16"}, mentions("precision", "dtype float32"));
  idle({"solver_steps=9"}, mentions("solver_steps", "model single", "model deq"));
  idle({"model=deq", "tcn_blocks=9"}, mentions("tcn_blocks", "model deq", "single, two, tcn"));
  idle({"model=deq", "gradient=unrolled", "adjoint_steps=9"}, mentions("adjoint_steps", "gradient implicit"));
  idle({"model=deq", "anderson_beta=0.9"}, mentions("solver broyden and adjoint_solver broyden", "anderson"));
  idle({"phi_hidden=9"}, mentions("phi_hidden", "model rff"), "image-regression");
  idle({"max_iterations=9"}, mentions("max_iterations", "model sim"), "image-classification");
  // A file or a preset may have settings that a run does not use; a search may draw any value of its choices.
  const TempDir dir;
  test::write_bytes(dir / "c.json", R"({"momentum": 0.9})");
  expect_refusal({"train", "copy-memory", "--config", (dir / "c.json").string(), "--set", "epochs=x"},
                 mentions("epochs is"));
  test::write_bytes(dir / "space.json",
                    R"({"metric": "loss", "direction": "minimize", "trials": 1, "grace": 1, "reduction": 2,
    "most": 1, "settings": {}, "draws": {"schedule": {"choice": ["constant", "step"]}}})");
  const std::vector<std::string> tune{"tune", "copy-memory", "--space", (dir / "space.json").string(),
                                      "--set"};
  const auto with = [&](const std::string& setting) {
    return [words = tune, setting]() mutable {
      words.push_back(setting);
      return words;
    }();
  };
  ::setenv("STILLPOINT_PYTHON", "/nowhere/python3", 1);
  CHECK_THAT(test::run(dir.path(), with("step_epochs=3")).output, mentions("/nowhere/python3"));
  CHECK_THAT(test::run(dir.path(), with("momentum=0.9")).output, mentions("momentum", "rmsprop", "sgd"));
  ::unsetenv("STILLPOINT_PYTHON");
}

TEST_CASE("a flag that may be repeated takes one word each time", "[settings]") {
  expect_refusal({"train", "image-regression", "--set", "epochs=1", "absent.png"}, mentions("absent.png"));
  const Ran told =
      run_command({"train", "image-regression", "--set", "epochs=1", "--set", "batch=x", "absent.png"});
  CHECK_THAT(told.err, mentions("batch is \"x\""));
}

TEST_CASE("names from outside are escaped where they are printed", "[settings]") {
  const Ran told = run_command({"eval", "run\x1b[2J\nstillpoint: all is well"});
  CHECK(told.code == 1);
  CHECK_THAT(told.err, mentions("run\\x1b[2J\\nstillpoint: all is well"));
  CHECK_FALSE(contains(told.err, "\x1b"));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"eval"},
                                             {"train", "copy-memory", "--config"},
                                             {"train", "copy-memory", "--set"},
                                             {"spectrum"},
                                             {"tune", "copy-memory", "--space"},
                                             {}}) {
    std::vector<std::string> given = words;
    given.push_back(std::string(1 << 20, 'x'));
    const Ran huge = run_command(given);
    CHECK(huge.code != 0);
    CHECK(huge.err.size() < 4000);
  }
}

TEST_CASE("presets and spaces travel inside the program, and those of a folder go before them",
          "[settings]") {
  const TempDir folder;
  std::filesystem::copy_file(STILLPOINT_PROGRAM, folder / "alone");
  const auto alone = [&](std::vector<std::string> words) {
    words.insert(words.begin(), (folder / "alone").string());
    return test::finish(test::start_command(folder.path(), words), folder.path());
  };
  const test::Result list = alone({"train", "copy-memory", "--preset", "list"});
  CHECK(list.code == 0);
  CHECK_THAT(list.output, mentions("paper-single\n", "quick\n"));
  const std::vector<std::string> tiny{"--set", "blank=1",           "--set", "train_sequences=1",
                                      "--set", "valid_sequences=1", "--set", "test_sequences=1",
                                      "--set", "epochs=1",          "--run", "r"};
  std::vector<std::string> quick{"train", "copy-memory", "--preset", "quick"};
  quick.insert(quick.end(), tiny.begin(), tiny.end());
  const test::Result trained = alone(quick);
  INFO(trained.output);
  CHECK(trained.code == 0);

  make_folder(folder / "mine/copy-memory");
  test::write_bytes(folder / "mine/copy-memory/quick.json", R"({"epochs": 77})");
  test::write_bytes(folder / "mine/copy-memory/slow.json", R"({"epochs": 78})");
  ::setenv("STILLPOINT_PRESETS", (folder / "mine").c_str(), 1);
  CHECK(load_preset("copy-memory", "quick") == Json{{"epochs", 77}});
  CHECK(load_preset("copy-memory", "slow") == Json{{"epochs", 78}});
  CHECK(load_preset("copy-memory", "paper-two").at("model") == "two");
  CHECK(preset_names("copy-memory").size() == 7);
  ::setenv("STILLPOINT_PRESETS", (folder / "absent").c_str(), 1);
  CHECK_THAT(error_text([] { preset_names("copy-memory"); }),
             mentions("STILLPOINT_PRESETS", "absent", "a folder"));
  ::unsetenv("STILLPOINT_PRESETS");
  CHECK(load_preset("copy-memory", "quick").at("epochs") != 77);
}

TEST_CASE("paths of any bytes work wherever paths work, and printed commands can be pasted", "[settings]") {
  const TempDir folder;
  const std::string odd = "it's a #1 %41?\n\xe9 \"$HOME\"";
  make_folder(folder / odd);
  write_png(folder / (odd + "/" + odd + ".png"), Image{4, 4, 3, std::vector<std::uint8_t>(48, 100)});
  const std::string run = odd + "/run " + odd, picture = odd + "/" + odd + ".png";
  const auto ends_well = [&](const test::Result& result) {
    INFO(result.output);
    CHECK(result.code == 0);
    for (const char c : result.output) CHECK((c == '\n' || (c >= ' ' && c < 0x7f)));
    return result.output;
  };
  ends_well(test::run(folder.path(), {"train", "image-regression", picture, "--set", "epochs=2", "--set",
                                      "hidden=4", "--set", "d_psi=4", "--run", run, "--threads", "1"}));
  const Json config = read_json_file(folder / (run + "/config.json"));
  CHECK(path_from_text(config.at("config").at("image").get<std::string>()) ==
        std::filesystem::canonical(folder / picture));
  ends_well(test::run(folder.path(), {"eval", run}));
  ends_well(test::run(folder.path(),
                      {"train", "image-regression", "--config", run + "/config.json", "--run", run + "2"}));
  ends_well(test::run(folder.path(), {"report", run, "--output", odd + "/report.html"}));
  CHECK(test::contains(read_file(folder / (odd + "/report.html")), "it&#39;s a #1 %41?"));

  // Runs, in a shell, the command that an interrupted run printed.
  const pid_t child =
      test::start(folder.path(), {"train", "image-regression", picture, "--set", "epochs=100000000", "--set",
                                  "hidden=4", "--set", "d_psi=4", "--run", run + "3", "--threads", "1"});
  test::wait_for(folder / (run + "3/checkpoint.safetensors"));
  REQUIRE(::kill(child, SIGINT) == 0);
  const std::string said = test::finish(child, folder.path()).output;
  const std::size_t at = said.find("stillpoint train image-regression --resume");
  INFO(said);
  REQUIRE(at != std::string::npos);
  const std::string pasted = said.substr(at + 10, said.find('\n', at) - at - 10);
  const std::string limited = "timeout -s INT 1 " + shell_quoted(STILLPOINT_PROGRAM) + pasted;
  const test::Result again =
      test::finish(test::start_command(folder.path(), {"/bin/bash", "-c", limited}), folder.path());
  INFO(again.output);
  CHECK_THAT(again.output, mentions("stopped after step"));
}

}  // namespace stillpoint
