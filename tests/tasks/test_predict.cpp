// Tests `predict` for sequences, coordinates and equilibria in every format.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>

#include "engine/config.h"
#include "engine/io/files.h"
#include "tasks/io/image.h"
#include "tasks/io/npy.h"
#include "tests/support/catch.h"
#include "tests/support/command_line.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Ran;
using test::run_command;
using test::TempDir;

// Trains a small model of copy memory for an epoch.
fs::path trained(const fs::path& folder, const std::string& model, std::vector<std::string> settings) {
  std::vector<std::string> command{"train", "copy-memory", "--device", "cpu", "--run", folder.string()};
  settings.insert(settings.end(), {"model=" + model, "blank=4", "train_sequences=8", "valid_sequences=2",
                                   "test_sequences=2", "batch=4", "epochs=1"});
  for (const std::string& setting : settings) command.insert(command.end(), {"--set", setting});
  const Ran made = run_command(command);
  INFO(made.err);
  REQUIRE(made.code == 0);
  return folder;
}

Ran predicted(const fs::path& run_folder, const std::vector<fs::path>& inputs,
              const std::vector<std::string>& flags = {}) {
  std::vector<std::string> command{"predict", run_folder.string(), "--device", "cpu"};
  for (const fs::path& input : inputs) command.push_back(input.string());
  command.insert(command.end(), flags.begin(), flags.end());
  return run_command(command);
}

// Compares numbers of two arrays.
void check_close(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const std::vector<double> x = a.values(), y = b.values();
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(std::abs(x[i] - y[i]) < 1e-6);
}

Tensor array_in(const fs::path& file) { return parse_npy(file.string(), read_file(file)); }

}  // namespace

TEST_CASE("predictions of sequences are the same from CSV and .npy, in every format and batch", "[predict]") {
  const TempDir dir;
  const fs::path model = trained(dir / "run", "single", {"tcn_blocks=2"});
  write_atomically(dir / "in.csv", "1,2,3,0,9\n4,5,6,0,9\n7,8,1,0,9\n");
  write_npy(dir / "in.npy", Tensor::from({1, 2, 3, 0, 9, 4, 5, 6, 0, 9, 7, 8, 1, 0, 9}, {3, 5},
                                         {DType::float64, Device::cpu}));
  const std::string first = (dir / "a.npy").string(), second = (dir / "b.npy").string();
  REQUIRE(predicted(model, {dir / "in.csv"}, {"--format", "npy", "--output", first}).code == 0);
  REQUIRE(predicted(model, {dir / "in.npy"}, {"--format", "npy", "--output", second, "--batch", "2"}).code ==
          0);
  const Tensor all = array_in(first);
  CHECK(all.shape() == Shape{3, 5, 10});
  check_close(all, array_in(second));

  const Json rows = Json::parse(predicted(model, {dir / "in.csv"}, {"--format", "json"}).out);
  REQUIRE(rows.size() == 15);
  const Json& last = rows[14];
  CHECK(last["sequence"] == 3);
  CHECK(last["position"] == 5);
  double sum = 0;
  for (const auto& [name, p] : last["probabilities"].items()) {
    CHECK(std::abs(double(p) - all.values()[140 + std::stoul(name)]) < 1e-6);
    sum += double(p);
  }
  CHECK(std::abs(sum - 1) < 1e-6);
  const std::string csv = predicted(model, {dir / "in.csv"}, {"--format", "csv"}).out;
  CHECK(csv.starts_with("file,sequence,position,class,0,1,2,3,4,5,6,7,8,9\n"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 16);

  std::istringstream input(read_file(dir / "in.csv"));
  std::streambuf* const console = std::cin.rdbuf(input.rdbuf());
  const Ran piped = predicted(model, {"-"}, {"--format", "csv"});
  std::cin.rdbuf(console);
  std::string named = csv;
  const std::string name = (dir / "in.csv").string();
  for (std::size_t at = 0; (at = named.find(name)) != named.npos;) named.replace(at, name.size(), "-");
  CHECK(piped.out == named);
}

TEST_CASE("one bad input is named and does not stop the others", "[predict]") {
  const TempDir dir;
  const fs::path model = trained(dir / "run", "tcn", {"tcn_blocks=2"});
  write_atomically(dir / "good.csv", "1,2,0,9\n");
  write_atomically(dir / "ragged.csv", "1,2\n3\n");
  write_atomically(dir / "symbol.csv", "1,12\n");
  write_atomically(dir / "nan.csv", "1,nan\n");
  const std::vector<fs::path> inputs{dir / "ragged.csv", dir / "symbol.csv", dir / "nan.csv",
                                     dir / "none.csv", dir / "good.csv"};
  const Ran found = predicted(model, inputs);
  CHECK(found.code == 1);
  CHECK(std::count(found.out.begin(), found.out.end(), '\n') == 1);
  CHECK_THAT(found.out, mentions("good.csv, sequence 1: "));
  CHECK_THAT(found.err, mentions("ragged.csv: given row 2 with 1 values", "symbol 12", "'nan'", "none.csv"));
  const Json rows = Json::parse(predicted(model, inputs, {"--format", "json"}).out);
  REQUIRE(rows.size() == 8);  // four errors and four positions
  CHECK(rows[0].contains("error"));
  CHECK(rows[7]["position"] == 4);
}

TEST_CASE("predictions of an equilibrium model have its reports and fixed points", "[predict]") {
  const TempDir dir;
  const fs::path model =
      trained(dir / "run", "deq",
              {"deq_features=16", "deq_heads=2", "deq_inner=8", "solver_steps=30", "solver_tolerance=0.01"});
  write_atomically(dir / "in.csv", "1,2,3,0,9\n4,5,6,0,9\n");
  const fs::path states = dir / "z.npy";
  const Ran found =
      predicted(model, {dir / "in.csv"}, {"--format", "json", "--fixed-points", states.string()});
  INFO(found.err);
  REQUIRE(found.code == 0);
  CHECK(array_in(states).shape() == Shape{2, 5, 16});
  const Json rows = Json::parse(found.out);
  REQUIRE(rows.size() == 10);
  const Json& solver = rows[0]["solver"];
  CHECK(solver["status"] == "converged");
  CHECK(solver["evaluations"] > 1);
  CHECK(solver["evaluations"] <= 30);
  CHECK(solver["residual"] <= 0.01 * std::sqrt(5 * 16));
}

TEST_CASE("every picture of a batch has the report of its solve", "[predict]") {
  const TempDir dir;
  for (int i = 0; i < 24; ++i) {
    const fs::path folder = dir / "data" / (i % 2 == 0 ? "dark" : "light");
    fs::create_directories(folder);
    write_png(folder / text(i, ".png"),
              {8, 8, 3, std::vector<std::uint8_t>(8 * 8 * 3, std::uint8_t(i % 2 == 0 ? i : 255 - i))});
  }
  const Ran made =
      run_command({"train", "image-classification", "--device", "cpu", "--model", "mondeq-single", "--data",
                   (dir / "data").string(), "--run", (dir / "run").string(), "--set", "channels=2", "--set",
                   "batch=8", "--set", "epochs=1", "--set", "schedule=constant"});
  INFO(made.err);
  REQUIRE(made.code == 0);
  const Json rows =
      Json::parse(predicted(dir / "run", {dir / "data"}, {"--format", "json", "--batch", "7"}).out);
  REQUIRE(rows.size() == 24);
  for (const Json& row : rows) {
    CHECK(row["solver"]["status"] == "converged");
    CHECK(row["solver"]["evaluations"] > 1);
    CHECK(row["solver"]["residual"] <= 1e-2);
  }
}

TEST_CASE("an option of predict that would do nothing is an error", "[predict]") {
  const TempDir dir;
  const fs::path model = trained(dir / "run", "single", {"tcn_blocks=2"});
  write_atomically(dir / "in.csv", "1,2,3\n");
  const auto refused = [&](const std::vector<std::string>& flags, const Mentions& words) {
    const Ran found = predicted(model, {dir / "in.csv"}, flags);
    CHECK(found.code != 0);
    CHECK_THAT(found.err, words);
  };
  refused({"--format", "npy"}, mentions("--output"));
  refused({"--fixed-points", (dir / "z.npy").string()}, mentions("--fixed-points", "monDEQ"));
  refused({"--invert"}, mentions("--invert", "do nothing"));
  refused({"--background", "black"}, mentions("--background", "do nothing"));
  CHECK_FALSE(fs::exists(dir / "z.npy"));
}

TEST_CASE("predicted colours are those of the written picture", "[predict]") {
  const TempDir dir;
  Image image{8, 8, 3, std::vector<std::uint8_t>(8 * 8 * 3)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = std::uint8_t(i * 7);
  write_png(dir / "p.png", image);
  const Ran made =
      run_command({"train", "image-regression", (dir / "p.png").string(), "--device", "cpu", "--run",
                   (dir / "run").string(), "--set", "epochs=3", "--set", "d_psi=16", "--set", "hidden=8"});
  INFO(made.err);
  REQUIRE(made.code == 0);
  std::string points = "x,y\n";
  for (int i = 0; i < 64; ++i) points += text(double(i % 8) / 8, ',', double(i / 8) / 8, '\n');
  write_atomically(dir / "points.csv", points);
  const std::string output = (dir / "rgb.npy").string();
  REQUIRE(predicted(dir / "run", {dir / "points.csv"}, {"--format", "npy", "--output", output}).code == 0);
  const std::vector<double> found = array_in(output).values();
  const Image shown = read_image(dir / "run" / "prediction.png");
  REQUIRE(found.size() == shown.rgb.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(std::abs(255 * std::clamp(found[i], 0., 1.) - shown.rgb[i]) < 0.51);
  write_atomically(dir / "wide.csv", "1,2,3\n");
  CHECK_THAT(predicted(dir / "run", {dir / "wide.csv"}).err, mentions("3 columns", "expected two"));
}

}  // namespace stillpoint
