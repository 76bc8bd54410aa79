// Tests every setting with absurd values: each is used, or refused in the project's words.
#include <sys/resource.h>

#include <map>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "kernels/host/host_memory.h"
#include "tasks/command/cli_errors.h"
#include "tasks/io/image.h"
#include "tasks/paper/copy_memory.h"
#include "tasks/paper/image_classification.h"
#include "tasks/paper/image_regression.h"
#include "tasks/process/clock.h"
#include "tasks/sequences/sequence_task.h"
#include "tasks/settings/registry.h"
#include "tests/support/catch.h"
#include "tests/support/data_files.h"
#include "tests/support/error_text.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

using test::contains;
using test::TempDir;

// A task with a model that trains a step in milliseconds.
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
  const Json image{
      {"image", (data / "tiny.png").string()}, {"d_phi", 4}, {"d_psi", 4}, {"hidden", 4}, {"phi_hidden", 4}};
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
  std::string table = "label,a,b\n";
  for (int i = 0; i < 14; ++i) table += text(i % 2, ',', i, ",3\n");
  test::write_bytes(data / "table.csv", table);
  Json sequence = copy;
  for (const char* const other : {"blank", "train_sequences", "valid_sequences", "test_sequences"})
    sequence.erase(other);
  add("sequence", sequence, {{"model", "two"}, {"data", (data / "table.csv").string()}});
  return out;
}

// Returns extreme values as a file holds them; the test also spells them as on the command line.
std::vector<Json> extremes() {
  return {-1,    0,     1,  std::int64_t(1) << 31,    std::int64_t(1) << 62, INT64_MAX, INT64_MIN,
          1e308, "nan", "", std::string(1 << 20, 'x')};
}

// Collects the largest value of each numeric field.
class Largest {
 public:
  template <class T>
  void operator()(const char* name, const T&, const char*, const Check& check = {}) {
    if constexpr (std::is_same_v<T, double>)
      if (std::isfinite(check.high)) of[name] = check.high;
    if constexpr (std::is_same_v<T, std::int64_t>)
      if (std::isfinite(check.high)) of[name] = std::int64_t(check.high);
  }
  std::map<std::string, Json> of;
};

std::map<std::string, Json> largest_of(const std::string& task) {
  Largest largest;
  if (task == "copy-memory") CopyMemoryConfig().fields(largest);
  if (task == "image-regression") ImageRegressionConfig().fields(largest);
  if (task == "sequence") SequenceConfig().fields(largest);
  if (task == "image-classification") ImageClassificationConfig().fields(largest);
  return largest.of;
}

// Makes the task and takes one step, which has to end within seconds. Returns whether the settings train; if
// they are refused, checks the message.
bool trains(const Subject& subject, const SettingsLayer& layer) {
  const TaskKind& kind = task_kind(subject.task);
  struct Timed {
    ~Timed() { CHECK(seconds_since(begun) < 30); }
    Clock::time_point begun = Clock::now();
  } timed;
  try {
    const std::unique_ptr<Task> task =
        kind.make(kind.resolve({{subject.settings, "test"}, layer}), Device::cpu);
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

// Collects the numeric fields without an upper bound.
class Unbounded {
 public:
  template <class T>
  void operator()(const char* name, const T&, const char*, const Check& check = {}) {
    if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::int64_t>)
      if (!std::isfinite(check.high)) names.push_back(name);
  }
  std::vector<std::string> names;
};

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
  Index driven = 0, trained = 0, turn = 0;
  for (const Subject& subject : subjects(data)) {
    REQUIRE(trains(subject, {Json::object(), "test"}));
    const Json all = task_kind(subject.task).resolve({});
    std::map<std::string, Json> largest = largest_of(subject.task);
    for (const auto& [name, usual] : all.items()) {
      std::vector<Json> values = extremes();
      if (largest.contains(name)) values.push_back(largest[name]);
      for (const Json& value : values) {
        INFO(subject.task << " " << name << " = " << shown(value.dump()));
        const std::string spelled = value.is_string() ? value.get<std::string>() : value.dump();
        const SettingsLayer layers[] = {
            {{{name, value}}, "file.json"},
            {parse_assignment(name + "=" + spelled), "--set", Written::spelled},
        };
        // The sanitizers see each value in one of the two forms, in turn.
        for (const SettingsLayer& layer : layers)
          if (!sanitized || (&layer - layers + turn) % 2 == 0) {
            trained += trains(subject, layer);
            ++driven;
          }
        ++turn;
      }
    }
  }
  CHECK(driven > (sanitized ? 1000 : 2000));
  CHECK(trained > driven / 20);
#if !defined(__SANITIZE_ADDRESS__)       // it keeps what was freed
  CHECK(peak_memory() - before < 1500);  // MiB, for the largest settings that train
#endif
  UNSCOPED_INFO(driven << " settings with extreme values: " << trained
                       << " trained, the others were refused; " << peak_memory() - before << " MiB");
}

TEST_CASE("memory that is not there is refused before it is allocated", "[settings]") {
  CHECK_THAT(error_text([] {
               Tensor::empty({1 << 20, 1 << 28});
             }),
             mentions("shape (1048576, 268435456)", "1125899906842624 bytes", "smaller batch or model"));
  const Subject copy{"copy-memory", {{"train_sequences", 1000000000}, {"blank", 4000000}}};
  CHECK_THAT(
      error_text([&] {
        task_kind(copy.task).make(task_kind(copy.task).resolve({{copy.settings, "test"}}), Device::cpu);
      }),
      mentions("1000001000 sequences", "4000020 tokens, which need", "bytes that are free",
               "lower train_sequences"));
  CHECK_THAT(error_text([] {
               kernels::require_host_memory({INT64_MAX, 2}, "two", "lower it");
             }),
             mentions("2^63"));
  CHECK(kernels::free_host_memory() > 1 << 20);
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
  CHECK_THAT(error_text([&] { resolved("copy-memory", "optimiser=true", "optimiser"); }),
             mentions("\"true\"", "adam, adamw, rmsprop, sgd"));
  CHECK_THAT(error_text([&] { resolved("copy-memory", "epochs=\"3\"", "epochs"); }),
             mentions("\"3\"", "a whole number"));
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

TEST_CASE("a step of copy memory has a largest number of tokens", "[settings]") {
  const Subject copy{
      "copy-memory",
      {{"blank", 5000000}, {"train_sequences", 1}, {"valid_sequences", 1}, {"test_sequences", 1}}};
  CHECK_THAT(
      error_text([&] {
        task_kind(copy.task).make(task_kind(copy.task).resolve({{copy.settings, "test"}}), Device::cpu);
      }),
      mentions("1 sequences of 5000020 tokens in a step", "4194304", "lower blank or batch"));
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
  CHECK_THAT(words_of([] { (void)Json::array().at("config"); }),
             mentions("JSON: given a value of another kind"));
  CHECK_THAT(words_of([] { (void)Json("x").get<int>(); }), mentions("JSON: given a value of another kind"));
  CHECK_THAT(words_of([] { throw std::bad_alloc(); }), mentions("memory:", "lower the settings"));
  CHECK_THAT(words_of([] { throw std::system_error(EIO, std::generic_category()); }),
             mentions("system:", "try again"));
  CHECK_THAT(words_of([] { throw std::system_error(EAGAIN, std::generic_category()); }),
             mentions("threads:", "lower --threads"));
  CHECK(words_of([] { fail("where: given x"); }) == "where: given x");
}

TEST_CASE("settings of zero length are refused with their names", "[settings]") {
  for (const char* name : {"train_sequences", "blank", "epochs"})
    CHECK_THAT(error_text([&] {
                 task_kind("copy-memory").resolve({{{{name, 0}}, "test"}});
               }),
               mentions(name, "is 0", "in [1, "));
  CHECK_THAT(error_text([] { task_kind("copy"); }), mentions("'copy'", "copy-memory"));
}

}  // namespace stillpoint
