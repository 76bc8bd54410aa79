// Tests the image-classification task: learning, resuming, confusion, prediction, messages for wrong input.
#include <algorithm>
#include <numeric>
#include <sstream>

#include "tasks/command/cli.h"
#include "tasks/data/scale_image.h"
#include "tasks/paper/image_prediction.h"
#include "tasks/training/train.h"
#include "tests/support/catch.h"
#include "tests/support/data_files.h"
#include "tests/support/error_text.h"
#include "tests/support/metrics_rows.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

using test::TempDir;

Json settings(const TempDir& dir, const Json& changes = Json::object()) {
  return task_kind("image-classification")
      .resolve({{{{"dataset", "mnist"},
                  {"data", dir.path().string()},
                  {"batch", 32},
                  {"channels", "4"},
                  {"epochs", 20},
                  {"lr", 0.01},
                  {"schedule", "constant"},
                  {"d_phi", 12},
                  {"hidden", 8},
                  {"log_every", 1}},
                 "test"},
                {changes, "changes"}});
}

TrainOutcome train_in(const std::filesystem::path& folder, const Json& config, bool resume = false,
                      Index stop_after = -1) {
  std::ostringstream out;
  TrainRequest request{.kind = &task_kind("image-classification"),
                       .config = config,
                       .folder = folder,
                       .resume = resume,
                       .should_stop = {}};
  if (stop_after >= 0) request.should_stop = [stop_after](Index step) { return step >= stop_after; };
  return train(request, out);
}

double metric(const TrainOutcome& outcome, std::size_t split, std::size_t place) {
  return outcome.metrics.at(split).second.at(place).second;
}

// Returns a bar for label 6, enlarged by 2 and by 3, dark on white.
Image dark_six() {
  Image picture{56, 84, 3, {}};
  for (Index i = 0; i < 56; ++i)
    for (Index j = 0; j < 84 * 3; ++j) picture.rgb.push_back(i / 4 == 8 ? 20 : 230);
  return picture;
}

}  // namespace

TEST_CASE("image classification learns, and says what it confuses", "[classification]") {
  const TempDir data, runs;
  test::write_bar_mnist(data.path(), 160, 40);
  for (const char* model : {"sim", "sim2"}) {
    INFO(model);
    const TrainOutcome outcome = train_in(runs / model, settings(data, {{"model", model}}));
    REQUIRE(outcome.finished);
    CHECK(outcome.steps == 100);  // 144 images are for training
    CHECK(outcome.metrics.at(1).first == "test");
    CHECK(metric(outcome, 1, 0) > 0.9);
    const Json results = read_json_file((runs / model / "results.json").string());
    const Json confusion = results["details"]["test"]["confusion"];
    Index images = 0, correct = 0;
    for (std::size_t c = 0; c < 10; ++c) {
      Index of_class = 0;
      for (std::size_t k = 0; k < 10; ++k) of_class += confusion[c][k].get<Index>();
      CHECK(of_class == 4);
      CHECK(results["details"]["test"]["accuracy_of_class"][std::to_string(c)].get<double>() ==
            Approx(confusion[c][c].get<double>() / 4));
      images += of_class;
      correct += confusion[c][c].get<Index>();
    }
    CHECK(images == 40);
    CHECK(metric(outcome, 1, 0) == Approx(double(correct) / 40));
    CHECK(test::contains(read_file(runs / model / "confusion.csv"), "label,0,1,2"));
  }
}

TEST_CASE("a resumed image classification is bit-identical", "[classification]") {
  const TempDir data, runs;
  test::write_bar_mnist(data.path(), 160, 40);
  const Json config = settings(data, {{"epochs", 3}, {"augment", true}});
  const TrainOutcome whole = train_in(runs / "whole", config);
  CHECK_FALSE(train_in(runs / "parts", config, false, 7).finished);
  const TrainOutcome rest = train_in(runs / "parts", config, true);
  CHECK(rest.metrics == whole.metrics);
  CHECK(read_file(runs / "parts" / checkpoint_name) == read_file(runs / "whole" / checkpoint_name));
}

TEST_CASE("a monDEQ learns by splitting, tunes its step size, and reports its iterations",
          "[classification]") {
  const TempDir data, runs;
  test::write_bar_mnist(data.path(), 160, 40);
  for (const auto& [model, channels] : {std::pair("mondeq-single", "4"), std::pair("mondeq-multi", "3,4")}) {
    INFO(model);
    const Json config = settings(
        data, {{"model", model}, {"channels", channels}, {"epochs", sanitized ? 3 : 8}, {"batch", 48}});
    const TrainOutcome outcome = train_in(runs / model, config);
    REQUIRE(outcome.finished);
    if (!sanitized) CHECK(metric(outcome, 1, 0) > 0.5);
    Index rows = 0;
    for (const auto& row : test::rows_of(runs / model / "metrics.jsonl")) {
      if (row["split"] != "train") continue;
      ++rows;
      CHECK(row["forward_steps"].get<double>() > 1);
      CHECK(row["forward_converged"].get<double>() == 1);
      CHECK(row["adjoint_converged"].get<double>() == 1);
      CHECK(row["forward_residual"].get<double>() <= 1e-2);
      CHECK(row["alpha"].get<double>() <= 1);
    }
    CHECK(rows == outcome.steps);
    CHECK_FALSE(train_in(runs / "parts", config, false, 7).finished);
    CHECK(train_in(runs / "parts", config, true).metrics == outcome.metrics);
    std::filesystem::remove_all(runs / "parts");
  }
}

TEST_CASE("a picture of any size is classified by a trained model", "[classification]") {
  const TempDir data, runs;
  test::write_bar_mnist(data.path(), 160, 40);
  REQUIRE(train_in(runs / "run", settings(data)).finished);
  const Image picture = dark_six();
  const ImageClassifier classifier(runs / "run" / checkpoint_name, Device::cpu);
  const std::vector<double> found = classifier.probabilities(picture, true);
  CHECK(classifier.probabilities(picture, true) == found);
  REQUIRE(found.size() == 10);
  CHECK(std::max_element(found.begin(), found.end()) - found.begin() == 6);
  CHECK(std::accumulate(found.begin(), found.end(), 0.0) == Approx(1).epsilon(1e-5));

  write_png(runs / "six.png", picture);
  test::write_bytes(runs / "bad.png", "no picture");
  std::ostringstream out, err;
  const std::string six = (runs / "six.png").string(), bad = (runs / "bad.png").string();
  CHECK(run_command_line(
            {"predict", (runs / "run").string(), "--invert", "--device", "cpu", bad, six, "absent.png", six},
            out, err) == 1);
  CHECK_THAT(err.str(), mentions("bad.png", "absent.png"));
  CHECK(out.str().starts_with(six + ": 6 "));
  CHECK(out.str().substr(out.str().find('\n') + 1) == out.str().substr(0, out.str().find('\n') + 1));
}

TEST_CASE("folders and patterns of pictures are predicted as JSON and CSV", "[classification]") {
  const TempDir data, runs;
  test::write_bar_mnist(data.path(), 160, 40);
  REQUIRE(train_in(runs / "run", settings(data)).finished);
  const Image picture = dark_six();
  const std::vector<double> found =
      ImageClassifier(runs / "run" / checkpoint_name, Device::cpu).probabilities(picture, true);
  make_folder(runs / "pictures/more");
  for (const char* name : {"pictures/a.png", "pictures/b, c.png", "pictures/more/d.png"})
    write_png(runs / name, picture);
  test::write_bytes(runs / "pictures/bad.jpg", "");
  const auto predicted = [&](const std::string& format, const std::vector<std::string>& inputs) {
    std::ostringstream text, errors;
    std::vector<std::string> command{
        "predict", (runs / "run").string(), "--invert", "--device", "cpu", "--format", format};
    command.insert(command.end(), inputs.begin(), inputs.end());
    const int code = run_command_line(command, text, errors);
    CHECK(code == (errors.str().empty() ? 0 : 1));
    return text.str();
  };
  const Json rows = parse_json(predicted("json", {(runs / "pictures").string()}));
  REQUIRE(rows.size() == 4);
  CHECK(rows[0]["class"] == "6");
  CHECK(rows[0]["probabilities"]["6"].get<double>() == found[6]);
  CHECK(rows[0]["probabilities"].size() == 10);
  CHECK(rows[2]["file"] == (runs / "pictures/bad.jpg").string());
  CHECK_THAT(rows[2]["error"].get<std::string>(), mentions("bad.jpg"));
  CHECK(rows[3]["file"] == (runs / "pictures/more/d.png").string());
  const std::string table = predicted("csv", {(runs / "pictures/*c.png").string()});
  CHECK(table.starts_with("file,class,0,1,2,3,4,5,6,7,8,9\n\"" + (runs / "pictures/b, c.png").string() +
                          "\",6,"));
  CHECK(std::count(table.begin(), table.end(), '\n') == 2);
}

TEST_CASE("pictures are scaled by areas", "[classification]") {
  const DatasetInfo& info = dataset_info("mnist");
  Image picture{14, 42, 3, {}};
  for (Index i = 0; i < 14; ++i)
    for (Index j = 0; j < 42; ++j)
      for (Index c = 0; c < 3; ++c) picture.rgb.push_back(std::uint8_t(j == 1 ? 90 : 30));
  const ImageSet set = scaled_to(picture, info, false);
  REQUIRE(set.pixels.size() == 28 * 28);
  // A column is 1.5 pixels wide: the first takes half of the bright pixel, the second the other half.
  CHECK(int(set.pixels[0]) == 50);
  CHECK(int(set.pixels[1]) == 50);
  CHECK(int(set.pixels[2]) == 30);
  CHECK(int(scaled_to(picture, info, true).pixels[2]) == 225);
  const DatasetInfo& colour = dataset_info("cifar10");
  picture = {1, 1, 3, {10, 20, 30}};
  const ImageSet one = scaled_to(picture, colour, false);
  CHECK(int(one.pixels[0]) == 10);
  CHECK(int(one.pixels[1024]) == 20);
  CHECK(int(one.pixels[2047]) == 20);
  CHECK(int(one.pixels[3071]) == 30);
}

TEST_CASE("wrong input of image classification is refused in words", "[classification]") {
  const TempDir data, empty;
  test::write_bar_mnist(data.path(), 160, 40);
  CHECK_THAT(error_text([&] { train_in(empty / "run", settings(empty)); }),
             mentions("train-images-idx3-ubyte"));
  CHECK_THAT(error_text([&] { settings(data, {{"dataset", "minst"}}); }), mentions("minst", "mnist"));
  const auto made = [&](const char* model, const char* channels) {
    return error_text([&] {
      task_kind("image-classification")
          .make(settings(data, {{"model", model}, {"channels", channels}}), Device::cpu);
    });
  };
  CHECK_THAT(made("sim", "4,8"), mentions("4,8", "one number"));
  CHECK_THAT(made("mondeq-multi", "8"), mentions("several numbers"));
  CHECK_THAT(made("mondeq-single", "8x"), mentions("8x"));
  CHECK_THAT(error_text([&] { ImageClassifier(empty / "none", Device::cpu); }), mentions("none"));
  const std::unique_ptr<Task> task = task_kind("image-classification").make(settings(data), Device::cpu);
  CHECK_THAT(error_text([&] { task->evaluate("all"); }), mentions("'all'", "train, valid or test"));
}

}  // namespace stillpoint
