// Tests pictures and data sets that move, change or become unreadable during a run.
#include <filesystem>
#include <string>
#include <vector>

#include "engine/config.h"
#include "tasks/data/dataset.h"
#include "tasks/io/image.h"
#include "tasks/process/ranks.h"
#include "tasks/training/content.h"
#include "tasks/training/run_folder.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Result;
using test::run;
using test::TempDir;

void write_picture(const fs::path& path, int first) {
  Image image{6, 8, 3, {}};
  for (int i = 0; i < 6 * 8 * 3; ++i) image.rgb.push_back(std::uint8_t(first + i));
  write_png(path, image);
}

// Trains for a few steps on a picture.
Result train_on(const TempDir& folder, const std::string& picture, std::vector<std::string> settings = {}) {
  std::vector<std::string> arguments{"train", "image-regression", picture, "--run", "r", "--threads", "1"};
  for (const char* setting : {"model=rff", "epochs=2", "hidden=4", "d_psi=4"})
    arguments.insert(arguments.end(), {"--set", setting});
  for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
  return run(folder.path(), arguments);
}

Json settings_of(const TempDir& folder) {
  return read_json_file((folder / "r" / config_name).string())["config"];
}

}  // namespace

TEST_CASE("a run whose picture has moved goes on from its new place", "[places]") {
  const TempDir folder;
  write_picture(folder / "a.png", 0);
  REQUIRE(train_on(folder, "a.png").code == 0);
  fs::create_directory(folder / "b");
  fs::rename(folder / "a.png", folder / "b/a.png");
  const auto resume = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"train", "image-regression", "--resume", "r"});
    return run(folder.path(), more);
  };
  Result result = resume({});
  CHECK(result.code == 1);
  CHECK_THAT(result.output, mentions("a.png", "which is not there", "beside --resume"));
  for (const std::vector<std::string>& place :
       {std::vector<std::string>{"b/a.png"}, std::vector<std::string>{"--image", "b/a.png"}}) {
    result = resume(place);
    INFO(result.output);
    CHECK(result.code == 0);
  }
  CHECK(run(folder.path(), {"eval", "r", "--image", "b/a.png"}).code == 0);
  result = resume({"b/a.png", "--set", "lr=1"});
  CHECK(result.code == 1);
  CHECK_THAT(result.output, mentions("--resume: given together with settings"));
}

TEST_CASE("another picture at the place of a run's is refused, and taken where that is wanted", "[places]") {
  const TempDir folder;
  write_picture(folder / "a.png", 0);
  REQUIRE(train_on(folder, "a.png").code == 0);
  write_picture(folder / "a.png", 1);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"train", "image-regression", "--resume", "r"},
        std::vector<std::string>{"eval", "r"}}) {
    Result result = run(folder.path(), command);
    CHECK(result.code == 1);
    CHECK_THAT(result.output, mentions("given data of 8 x 6 pixels, digest",
                                       "expected those that the run was trained on", "--other-data"));
    std::vector<std::string> wanted = command;
    wanted.push_back("--other-data");
    result = run(folder.path(), wanted);
    INFO(result.output);
    CHECK(result.code == 0);
  }
}

TEST_CASE("edited settings beside a checkpoint are refused by name", "[places]") {
  const TempDir folder;
  write_picture(folder / "a.png", 0);
  REQUIRE(train_on(folder, "a.png").code == 0);
  Json told = read_json_file((folder / "r" / config_name).string());
  told["config"]["lr"] = 0.5;
  told["config"]["image"] = "elsewhere.png";
  test::write_bytes(folder / "r" / config_name, told.dump());
  const Result result = run(folder.path(), {"train", "image-regression", "--resume", "r"});
  CHECK(result.code == 1);
  CHECK_THAT(result.output, mentions("config.json: given lr 0.5, expected lr 0.001", "--config"));
  CHECK(settings_of(folder)["lr"] == 0.5);
}

TEST_CASE("content differs by values and not by files", "[places]") {
  const Image image{1, 2, 3, {1, 2, 3, 4, 5, 6}}, turned{2, 1, 3, {1, 2, 3, 4, 5, 6}};
  Image other = image;
  other.rgb[5] = 7;
  CHECK(content_of(image) == content_of(Image(image)));
  CHECK(content_of(image) != content_of(other));
  CHECK(content_of(image) != content_of(turned));
  const ImageSet set{2, 1, 1, 1, {1, 2}, {3, 4}};
  Dataset data{set, set, "here"}, relabelled{set, set, "there"};
  CHECK(content_of(data) == content_of(relabelled));
  relabelled.test.labels[1] = 5;
  CHECK(content_of(data) != content_of(relabelled));
  CHECK(hash_of("a") == 0xaf63dc4c8601ec8cu);  // the published value of FNV-1a
}

TEST_CASE("the background of a transparent picture is said and can be set", "[places]") {
  const TempDir folder;
  // 1 x 2 pixels of red, green, blue, alpha: 10 20 30 0, 40 50 60 128
  const unsigned char png[] = {0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49,
                               0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06,
                               0x00, 0x00, 0x00, 0xf4, 0x22, 0x7f, 0x8a, 0x00, 0x00, 0x00, 0x11, 0x49, 0x44,
                               0x41, 0x54, 0x78, 0xda, 0x63, 0xe4, 0x12, 0x91, 0x63, 0x90, 0x93, 0x93, 0x6b,
                               0x00, 0x00, 0x03, 0x30, 0x01, 0x18, 0x1a, 0xf5, 0x93, 0x65, 0x00, 0x00, 0x00,
                               0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  const std::string bytes(reinterpret_cast<const char*>(png), sizeof png);
  test::write_bytes(folder / "t.png", bytes);
  CHECK(read_image(folder / "t.png", colour_named("black")).rgb ==
        std::vector<std::uint8_t>{0, 0, 0, 20, 25, 30});
  const Result bad = train_on(folder, "t.png", {"background=pink"});
  CHECK(bad.code == 1);
  CHECK_THAT(bad.output, mentions("background: given 'pink'", "#RRGGBB"));
}

TEST_CASE("a validation loss that is not finite is a warning", "[places]") {
  const TempDir folder;
  std::vector<std::string> arguments{"train", "copy-memory", "--model",   "tcn",
                                     "--run", "r",           "--threads", "1"};
  for (const char* setting : {"blank=4", "train_sequences=4", "valid_sequences=4", "test_sequences=4",
                              "batch=4", "epochs=1", "lr=1e6"})
    arguments.insert(arguments.end(), {"--set", setting});
  const Result result = run(folder.path(), arguments);
  INFO(result.output);
  CHECK(result.code == 0);
  CHECK_THAT(result.output,
             mentions("warning: the valid loss is", "after epoch 1", "training goes on", "finished"));
  CHECK(run(folder.path(), {"report", "r", "absent"}).code == 1);
  CHECK(fs::exists(folder / "report.html"));
}

}  // namespace stillpoint
