// Every setting and every flag with values that nobody means: each is used or refused in the project's words.
#include <signal.h>
#include <sys/resource.h>

#include <regex>
#include <sstream>

#include "engine/ops.h"
#include "kernels/host_memory.h"
#include "tasks/cli.h"
#include "tasks/cli_errors.h"
#include "tasks/copy_memory.h"
#include "tasks/image_classification.h"
#include "tasks/image_regression.h"
#include "tasks/io/image.h"
#include "tasks/presets.h"
#include "tasks/registry.h"
#include "tests/catch.h"
#include "tests/data_files.h"
#include "tests/error_text.h"
#include "tests/program.h"
#include "tests/temp_dir.h"

namespace stillpoint {
namespace {

using test::contains;
using test::TempDir;

// A model of a task that trains a step in milliseconds.
struct Subject {
  const char* task;
  Json settings;
};

std::vector<Subject> subjects(const TempDir& data) {
  test::write_bar_mnist(data.path(), 20, 10);
  write_png(data / "tiny.png", Image{4, 4, 3, std::vector<std::uint8_t>(48, 100)});
  const Json copy{{"blank", 3},         {"train_sequences", 4}, {"valid_sequences", 1}, {"test_sequences", 1},
                  {"batch", 2},         {"tcn_blocks", 1},      {"tcn_channels", 2},    {"tcn_kernel", 2},
                  {"deq_features", 4},  {"deq_heads", 1},       {"deq_inner", 4},       {"solver_steps", 3},
                  {"adjoint_steps", 3}, {"d_phi", 4},           {"d_psi", 4},           {"hidden", 4}};
  const Json image{{"image", (data / "tiny.png").string()}, {"d_phi", 4}, {"d_psi", 4}, {"hidden", 4},
                   {"phi_hidden", 4}};
  const Json digits{{"data", data.path().string()}, {"batch", 4}, {"d_phi", 4}, {"d_psi", 4}, {"hidden", 4},
                    {"max_iterations", 3}};
  std::vector<Subject> out;
  const auto add = [&](const char* task, const Json& base, const Json& more) {
    out.push_back({task, base});
    out.back().settings.update(more);
  };
  for (const char* model : {"two", "deq"}) add("copy-memory", copy, {{"model", model}});
  add("image-regression", image, {{"model", "two"}});
  add("image-classification", digits, {{"model", "sim2"}, {"channels", "2"}});
  add("image-classification", digits, {{"model", "mondeq-single"}, {"channels", "2"}});
  return out;
}

// As they stand in a file and, where that differs, as they are spelled on the command line.
std::vector<Json> extremes() {
  return {-1, 0, 1, std::int64_t(1) << 31, std::int64_t(1) << 62, INT64_MAX, INT64_MIN, 1e308, "nan", "",
          std::string(1 << 20, 'x')};
}

// Makes the task and takes one step: whether the settings do. What they are refused with is checked.
bool trains(const Subject& subject, const SettingsLayer& layer) {
  const TaskKind& kind = task_kind(subject.task);
  try {
    const std::unique_ptr<Task> task = kind.make(kind.resolve({{subject.settings, "test"}, layer}), Device::cpu);
    const std::vector<Tensor> batch = task->batch(0);
    task->before_step(0, batch);
    std::vector<Tensor> values;
    grad(task->loss(batch), task->params().tensors(), {}, {.allow_unused = true});
    return true;
  } catch (const std::exception& error) {
    const std::string words = shown_message(explained(error));
    INFO(words);
    CHECK(words.size() < 3000);
    CHECK(contains(words, ": "));
    for (const char* foreign : {"std::", "basic_string", "vector::", "json.exception", "bad_alloc"})
      CHECK_FALSE(contains(words, foreign));
  }
  return false;
}

long peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;  // MiB
}

// Fields whose numbers have no upper bound.
class Unbounded {
 public:
  template <class T>
  void operator()(const char* name, const T&, const char*, const Check& check = {}) {
    if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::int64_t>)
      if (!std::isfinite(check.high)) names.push_back(name);
  }
  std::vector<std::string> names;
};

struct Told {
  int code;
  std::string out, err;
};
Told command(const std::vector<std::string>& arguments) {
  std::ostringstream out, err;
  const int code = run_command_line(arguments, out, err);
  return {code, out.str(), err.str()};
}

void expect_refusal(const std::vector<std::string>& arguments, const Mentions& words, int code = 1) {
  const Told told = command(arguments);
  INFO(told.out << told.err);
  CHECK(told.code == code);
  CHECK_THAT(told.err, words);
}

}  // namespace

TEST_CASE("every number among the settings but a seed has a largest value", "[settings]") {
  Unbounded copy, image, digits;
  CopyMemoryConfig().fields(copy);
  ImageRegressionConfig().fields(image);
  ImageClassificationConfig().fields(digits);
  CHECK(copy.names == std::vector<std::string>{"data_seed", "seed"});
  CHECK(image.names == std::vector<std::string>{"seed"});
  CHECK(digits.names == std::vector<std::string>{"seed"});
}

TEST_CASE("every setting with extreme values trains or is refused in words", "[settings]") {
  const TempDir data;
  const long before = peak_memory();
  Index driven = 0, trained = 0;
  for (const Subject& subject : subjects(data)) {
    REQUIRE(trains(subject, {Json::object(), "test"}));
    const Json all = task_kind(subject.task).resolve({});
    for (const auto& [name, usual] : all.items())
      for (const Json& value : extremes()) {
        INFO(subject.task << " " << name << " = " << shown(value.dump()));
        trained += trains(subject, {{{name, value}}, "file.json"});
        const std::string spelled = value.is_string() ? value.get<std::string>() : value.dump();
        trained += trains(subject, {parse_assignment(name + "=" + spelled), "--set", Written::spelled});
        driven += 2;
      }
  }
  CHECK(driven > 2000);
  CHECK(trained > driven / 20);
#if !defined(__SANITIZE_ADDRESS__)  // it keeps what is freed
  CHECK(peak_memory() - before < 300);
#endif
  UNSCOPED_INFO(driven << " settings with extreme values: " << trained << " trained, the others were refused; "
              << peak_memory() - before << " MiB");
}

TEST_CASE("memory that is not there is told before it is taken", "[settings]") {
  CHECK_THAT(error_text([] { Tensor::empty({1 << 20, 1 << 28}); }),
             mentions("shape (1048576, 268435456)", "1125899906842624 bytes", "smaller batch or model"));
  const Subject copy{"copy-memory", {{"train_sequences", 1000000000}, {"blank", 10000000}}};
  CHECK_THAT(error_text([&] { task_kind(copy.task).make(task_kind(copy.task).resolve({{copy.settings, "test"}}), Device::cpu); }),
             mentions("1000001000 sequences", "10000020 tokens, which need", "bytes that are free", "lower train_sequences"));
  CHECK_THAT(error_text([] { kernels::require_host_memory({INT64_MAX, 2}, "two", "lower it"); }), mentions("2^63"));
  CHECK(kernels::free_host_memory() > 1 << 20);
}

TEST_CASE("numbers on the command line are whole, in range and finite", "[settings]") {
  std::vector<std::vector<std::string>> commands{{"eval"}, {"predict"}, {"spectrum"}, {"reproduce"}, {"selftest"}};
  for (const TaskKind* kind : task_kinds()) {
    commands.push_back({"train", kind->name()});
    commands.push_back({"tune", kind->name()});
  }
  Index driven = 0;
  for (std::vector<std::string> words : commands) {
    words.push_back("--help");
    const std::string help = command(words).out;
    words.pop_back();
    const std::regex flag("\n *(--[a-z-]+) (INT|UINT|FLOAT)");
    for (std::sregex_iterator at(help.begin(), help.end(), flag), end; at != end; ++at)
      for (const char* value : {"nan", "inf", "-inf", "1e400", "99999999999999999999999", "-1", "1.5.2", "0x10", "ten", "1 "}) {
        std::vector<std::string> given = words;
        given.push_back((*at)[1].str() + "=" + value);
        expect_refusal(given, mentions((*at)[1].str(), std::string("given '") + value, "expected"), 2);
        ++driven;
      }
  }
  CHECK(driven > 200);
}

TEST_CASE("a spelled setting means what its type makes of it", "[settings]") {
  const auto resolved = [](const char* task, const std::string& assignment, const char* name) {
    return task_kind(task).resolve({{parse_assignment(assignment), "--set", Written::spelled}}).at(name);
  };
  CHECK(resolved("image-classification", "channels=24", "channels") == "24");
  CHECK(resolved("image-classification", "channels=\"24\"", "channels") == "24");
  CHECK(resolved("image-classification", "data=2024", "data") == "2024");
  CHECK(resolved("image-classification", "data=null", "data") == "null");
  CHECK(resolved("copy-memory", "epochs=1e3", "epochs") == 1000);
  CHECK(resolved("copy-memory", "shuffle=true", "shuffle") == true);
  CHECK_THAT(error_text([&] { resolved("copy-memory", "optimiser=true", "optimiser"); }), mentions("\"true\"", "adam, sgd"));
  CHECK_THAT(error_text([&] { resolved("copy-memory", "epochs=\"3\"", "epochs"); }), mentions("\"3\"", "a whole number"));
}

TEST_CASE("keys that stand twice are refused, at any depth", "[settings]") {
  const TempDir dir;
  const auto given = [&](const char* json) {
    test::write_bytes(dir / "c.json", json);
    return error_text([&] { read_json_file(dir / "c.json"); });
  };
  CHECK_THAT(given(R"({"lr": 0.01, "epochs": 1, "lr": 0.5})"), mentions("c.json", "'lr' twice"));
  CHECK_THAT(given(R"({"task": "x", "config": {"a": 1, "a": 1}})"), mentions("'a' twice"));
  CHECK_THAT(given("{\"a\": 1,\n \"b\": }"), mentions("not valid JSON", "line 2, column 7"));
  CHECK_THAT(given("{\"a\": 1e999}"), mentions("beyond the range"));
  CHECK_THAT(given("{"), mentions("line 1, column 2 (its end)"));
  CHECK_THAT(given(""), mentions("c.json", "empty"));
  test::write_bytes(dir / "c.json", R"({"a": {"x": 1}, "b": {"x": 1}})");
  CHECK(read_json_file(dir / "c.json").size() == 2);
}

TEST_CASE("unknown words are named with a near neighbour, or none", "[settings]") {
  expect_refusal({"trian"}, mentions("given 'trian'", "one of train, tune", "did you mean 'train'?"), 2);
  expect_refusal({"train", "copy-memmory"}, mentions("'copy-memmory'", "did you mean 'copy-memory'?"), 2);
  expect_refusal({"train"}, mentions("train: given no command", "copy-memory"), 2);
  expect_refusal({"train", "copy-memory", "--sead=1"}, mentions("'--sead=1'", "did you mean '--seed'?"), 2);
  expect_refusal({"train", "copy-memory", "x"}, mentions("given 'x'", "leave it out"), 2);
  const Told far = command({"train", "copy-memory", "--set", "early_stopping=3"});
  CHECK_THAT(far.err, mentions("'early_stopping'"));
  CHECK_FALSE(contains(far.err, "did you mean"));
  expect_refusal({"train", "copy-memory", "--preset", "quik"}, mentions("did you mean 'quick'?"));
  expect_refusal({"spectrum", "hopff"}, mentions("did you mean 'hopf'?"));
  expect_refusal({"selftest", "--device", "cdua"}, mentions("did you mean 'cuda'?"), 2);
}

TEST_CASE("an option that would do nothing is an error", "[settings]") {
  expect_refusal({"spectrum", "hopf", "--held-out", "3"}, mentions("--held-out", "a textbook system", "would do nothing"));
  expect_refusal({"spectrum", "hopf", "--sizes", "3"}, mentions("--sizes"));
  expect_refusal({"spectrum", "hopf", "--phi", "run"}, mentions("--phi"));
  expect_refusal({"spectrum", "hopf", "--degree", "3"}, mentions("--degree", "dictionary fourier"));
  expect_refusal({"spectrum", "rotation", "--features", "4"}, mentions("--features", "dictionary identity"));
  expect_refusal({"spectrum", "hopf", "--dictionary", "monomials", "--bandwidth", "2"}, mentions("--bandwidth"));
  expect_refusal({"train", "copy-memory", "--preset", "list", "--seed", "1"}, mentions("--seed", "--preset list"));
  expect_refusal({"train", "copy-memory", "--run", ""}, mentions("--run", "empty text"));
  expect_refusal({"reproduce", "fig2", "--seeds", "2"}, mentions("--seeds", "fig2"));
  expect_refusal({"reproduce", "table1", "--data", "x"}, mentions("--data", "table1"));
}

TEST_CASE("a flag that may be repeated takes one word each time", "[settings]") {
  expect_refusal({"train", "image-regression", "--set", "epochs=1", "absent.png"}, mentions("absent.png"));
  const Told told = command({"train", "image-regression", "--set", "epochs=1", "--set", "batch=x", "absent.png"});
  CHECK_THAT(told.err, mentions("batch is \"x\""));
}

TEST_CASE("exceptions of the libraries are put into words", "[settings]") {
  const auto words_of = [](const auto& throwing) -> std::string {
    try {
      throwing();
    } catch (const std::exception& error) {
      return explained(error);
    }
    return "";
  };
  CHECK_THAT(words_of([] { (void)std::filesystem::is_directory(std::string(5000, 'x')); }),
             mentions("files: given xxx", "too long", "check the path"));
  CHECK_THAT(words_of([] { (void)Json::array().at("config"); }), mentions("JSON: given a value of another kind"));
  CHECK_THAT(words_of([] { (void)Json("x").get<int>(); }), mentions("JSON: given a value of another kind"));
  CHECK_THAT(words_of([] { throw std::bad_alloc(); }), mentions("memory:", "lower the settings"));
  CHECK_THAT(words_of([] { throw std::system_error(EIO, std::generic_category()); }), mentions("system:", "try again"));
  CHECK_THAT(words_of([] { throw std::system_error(EAGAIN, std::generic_category()); }), mentions("threads:", "lower --threads"));
  CHECK(words_of([] { fail("where: given x"); }) == "where: given x");
}

TEST_CASE("names from outside are escaped where they are printed", "[settings]") {
  const Told told = command({"eval", "run\x1b[2J\nstillpoint: all is well"});
  CHECK(told.code == 1);
  CHECK_THAT(told.err, mentions("run\\x1b[2J\\nstillpoint: all is well"));
  CHECK_FALSE(contains(told.err, "\x1b"));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"eval"}, {"train", "copy-memory", "--config"}, {"train", "copy-memory", "--set"},
                                             {"spectrum"}, {"tune", "copy-memory", "--space"}, {}}) {
    std::vector<std::string> given = words;
    given.push_back(std::string(1 << 20, 'x'));
    const Told huge = command(given);
    CHECK(huge.code != 0);
    CHECK(huge.err.size() < 4000);
  }
}

TEST_CASE("presets and spaces travel inside the program, and those of a folder go before them", "[settings]") {
  const TempDir folder;
  std::filesystem::copy_file(STILLPOINT_PROGRAM, folder / "alone");
  const auto alone = [&](std::vector<std::string> words) {
    words.insert(words.begin(), (folder / "alone").string());
    return test::finish(test::start_command(folder.path(), words), folder.path());
  };
  const test::Result list = alone({"train", "copy-memory", "--preset", "list"});
  CHECK(list.code == 0);
  CHECK_THAT(list.output, mentions("paper-single\n", "quick\n"));
  const std::vector<std::string> tiny{"--set", "blank=1", "--set", "train_sequences=1", "--set", "valid_sequences=1",
                                      "--set", "test_sequences=1", "--set", "epochs=1", "--run", "r"};
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
  CHECK(preset_names("copy-memory").size() == 6);
  ::setenv("STILLPOINT_PRESETS", (folder / "absent").c_str(), 1);
  CHECK_THAT(error_text([] { preset_names("copy-memory"); }), mentions("STILLPOINT_PRESETS", "absent", "a folder"));
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
  ends_well(test::run(folder.path(), {"train", "image-regression", picture, "--set", "epochs=2", "--set", "hidden=4",
                                      "--set", "d_psi=4", "--set", "d_phi=4", "--run", run, "--threads", "1"}));
  const Json config = read_json_file(folder / (run + "/config.json"));
  CHECK(path_from_text(config.at("config").at("image").get<std::string>()) == std::filesystem::canonical(folder / picture));
  ends_well(test::run(folder.path(), {"eval", run}));
  ends_well(test::run(folder.path(), {"train", "image-regression", "--config", run + "/config.json", "--run", run + "2"}));
  ends_well(test::run(folder.path(), {"report", run, "--output", odd + "/report.html"}));
  CHECK(test::contains(read_file(folder / (odd + "/report.html")), "it&#39;s a #1 %41?"));

  // The command that an interrupted run prints, in a shell.
  const pid_t child = test::start(folder.path(), {"train", "image-regression", picture, "--set", "epochs=100000000",
                                                  "--set", "hidden=4", "--set", "d_psi=4", "--set", "d_phi=4",
                                                  "--run", run + "3", "--threads", "1"});
  test::wait_for(folder / (run + "3/checkpoint.safetensors"));
  REQUIRE(::kill(child, SIGINT) == 0);
  const std::string said = test::finish(child, folder.path()).output;
  const std::size_t at = said.find("stillpoint train image-regression --resume");
  INFO(said);
  REQUIRE(at != std::string::npos);
  const std::string pasted = said.substr(at + 10, said.find('\n', at) - at - 10);
  const std::string limited = "timeout -s INT 1 " + shell_quoted(STILLPOINT_PROGRAM) + pasted;
  const test::Result again = test::finish(test::start_command(folder.path(), {"/bin/bash", "-c", limited}), folder.path());
  INFO(again.output);
  CHECK_THAT(again.output, mentions("stopped after step"));
}

}  // namespace stillpoint
