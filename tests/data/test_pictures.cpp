// Tests folders of pictures as a data set: layouts, sizes, what is refused, and training to the same bits.
#include <cstdlib>

#include "engine/io/safetensors.h"
#include "tasks/data/cifar.h"
#include "tasks/data/image_batches.h"
#include "tasks/data/pictures/picture_files.h"
#include "tasks/data/pictures/picture_folder.h"
#include "tasks/data/pictures/picture_values.h"
#include "tasks/data/scale_image.h"
#include "tasks/io/image.h"
#include "tasks/process/python.h"
#include "tasks/selftest/selftest_models.h"
#include "tasks/training/content.h"
#include "tests/support/catch.h"
#include "tests/support/command_line.h"
#include "tests/support/data_files.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Ran;
using test::run_command;
using test::TempDir;

Image picture_of(const ImageSet& set, Index i) {
  Image image{set.height, set.width, 3, {}};
  const Index plane = set.height * set.width;
  for (Index p = 0; p < plane; ++p)
    for (Index c = 0; c < 3; ++c)
      image.rgb.push_back(
          set.pixels[std::size_t(i * set.image_size() + (set.channels == 1 ? 0 : c * plane) + p)]);
  return image;
}

void write_picture(const fs::path& path, const Image& image) {
  fs::create_directories(path.parent_path());
  test::write_bytes(path, encode_png(image));
}

std::string numbered(Index i) { return text(1000000 + i).substr(1); }

// Writes FOLDER/CLASS/NUMBER.png.
void write_pictures(const fs::path& folder, const ImageSet& set, const std::vector<std::string>& classes) {
  for (Index i = 0; i < set.count; ++i)
    write_picture(folder / classes[std::size_t(set.labels[std::size_t(i)])] / (numbered(i) + ".png"),
                  picture_of(set, i));
}

Image flat(Index height, Index width, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  Image image{height, width, 3, {}};
  for (Index i = 0; i < height * width; ++i) image.rgb.insert(image.rgb.end(), {red, green, blue});
  return image;
}

// Writes pictures of 8 x 8 pixels: reddish and greenish ones that differ.
void write_colours(const fs::path& folder, int count, const std::string& first = "red",
                   const std::string& second = "green") {
  for (int i = 0; i < count; ++i) {
    const auto value = std::uint8_t(100 + 10 * i);
    write_picture(folder / first / (numbered(i) + ".png"), flat(8, 8, value, std::uint8_t(i), 0));
    write_picture(folder / second / (numbered(i) + ".png"), flat(8, 8, std::uint8_t(i), value, 0));
  }
}

std::vector<std::string> small_training(const fs::path& data, const fs::path& folder) {
  return {"train",    "image-classification",
          "--device", "cpu",
          "--data",   data.string(),
          "--run",    folder.string(),
          "--set",    "batch=16",
          "--set",    "channels=3",
          "--set",    "epochs=2",
          "--set",    "d_phi=8",
          "--set",    "hidden=6",
          "--set",    "lr=0.01",
          "--set",    "schedule=constant"};
}

// Returns the bytes of all tensors of a checkpoint.
std::string tensors_in(const fs::path& run) {
  const SafetensorsFile file(run / "checkpoint.safetensors");
  std::string all;
  for (const SafetensorsPlace& place : file.entries()) {
    std::string bytes(place.size, '\0');
    file.read(place, bytes.data());
    all += place.name + bytes;
  }
  return all;
}

const std::vector<std::string> digits{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

}  // namespace

TEST_CASE("a data set that is written out as PNG files trains to the same bits", "[pictures]") {
  const TempDir dir;
  const ImageSet train = bar_digits(120, 0), test = bar_digits(20, 3);
  test::write_idx_folder(dir / "mnist", train, test, false);
  write_pictures(dir / "png/train", train, digits);
  write_pictures(dir / "png/test", test, digits);
  const Ran binary = run_command(small_training(dir / "mnist", dir / "a"));
  REQUIRE(binary.code == 0);
  for (const char* memory : {"256", "0"}) {  // kept decoded, and read at every step
    const fs::path folder = dir / text("b", memory);
    std::vector<std::string> command = small_training(dir / "png", folder);
    for (const std::string& setting :
         {std::string("mean=0.1307"), std::string("deviation=0.3081"), text("picture_memory=", memory)})
      command.insert(command.end(), {"--set", setting});
    const Ran pictures = run_command(command);
    INFO(pictures.err);
    REQUIRE(pictures.code == 0);
    CHECK_THAT(pictures.out, mentions("10 classes (0 14, 1 14", "28 x 28 pixels in grey"));
    CHECK(test::contains(pictures.out, "read at every step") == (std::string(memory) == "0"));
    CHECK(tensors_in(folder) == tensors_in(dir / "a"));
    const Json a = read_json_file(dir / "a" / "results.json"), b = read_json_file(folder / "results.json");
    CHECK(a["metrics"] == b["metrics"]);
    CHECK(a["details"] == b["details"]);
    CHECK(read_json_file(dir / "a" / "config.json")["content"] ==
          read_json_file(folder / "config.json")["content"]);
  }
}

TEST_CASE("colour pictures are the images of the binary version of CIFAR-10", "[pictures]") {
  const TempDir dir;
  const ImageSet train = test::sample_images(50, 3, 32, 32), test = test::sample_images(10, 3, 32, 32);
  fs::create_directories(dir / "binary");
  for (std::size_t i = 0; i < 5; ++i)
    test::write_bytes(dir / "binary" / cifar_train_files()[i],
                      test::cifar_records(train, Index(i) * 10, Index(i) * 10 + 10));
  test::write_bytes(dir / "binary" / cifar_test_files()[0], test::cifar_records(test, 0, 10));
  CifarSets sets = read_cifar_folder(dir / "binary", 10);
  const Dataset binary{std::move(sets.train), std::move(sets.test), {}, dataset_info("cifar10")};
  write_pictures(dir / "png/train", train, binary.info.classes);
  write_pictures(dir / "png/test", test, binary.info.classes);
  const Dataset pictures = load_pictures(dir / "png", {});
  test::check_equal(pictures.train, binary.train);
  test::check_equal(pictures.test, binary.test);
  CHECK(content_of(pictures) == content_of(binary));
  const Dataset read = load_pictures(dir / "png", {.picture_memory = 0});
  CHECK(read.train.pixels.empty());
  CHECK(content_of(read) == content_of(binary));
  const ImageBatches::Options options{.seed = 3, .batch_size = 16, .augmented = true};
  const ImageBatches a(binary.train, all_rows(50), pictures.info, options),
      b(read.train, all_rows(50), read.info, options);
  for (Index step = 0; step < 8; ++step) CHECK(a.batch(step)[0].values() == b.batch(step)[0].values());
}

TEST_CASE("mean and deviation are those of the training pictures", "[pictures]") {
  const TempDir dir;
  write_picture(dir / "train/a/1.png", flat(4, 4, 0, 255, 51));
  write_picture(dir / "train/b/1.png", flat(4, 4, 255, 0, 153));
  write_picture(dir / "test/b/1.png", flat(4, 4, 255, 255, 255));
  write_picture(dir / "val/a/1.png", flat(4, 4, 255, 255, 255));
  const Dataset data = load_pictures(dir.path(), {});
  CHECK(data.info.mean == std::vector<double>{0.5, 0.5, 0.4});
  CHECK(data.info.deviation == std::vector<double>{0.5, 0.5, 0.2});
  CHECK(data.valid == std::vector<Index>{2});
  CHECK(data.test.count == 1);
  const PictureSettings found = with_properties({}, data.info);
  CHECK(found.mean == "0.5,0.5,0.4");
  CHECK(found.size == "4x4");
  CHECK(found.classes == "a/b");
  const DatasetInfo again = picture_info(found);
  CHECK(again.classes == data.info.classes);
  CHECK(again.mean == data.info.mean);
  CHECK(load_pictures(dir.path(), {.colours = "grey"}).train.channels == 1);
}

TEST_CASE("test pictures are drawn from each class, and stay drawn when others come", "[pictures]") {
  const TempDir dir;
  write_colours(dir.path(), 12);
  const PictureFiles files = find_pictures(dir.path(), {});
  CHECK(files.drawn_test);
  CHECK(files.classes == std::vector<std::string>{"green", "red"});
  REQUIRE(files.test.size() == 2);
  CHECK(files.test[0].label != files.test[1].label);
  CHECK(files.train.size() == 22);
  CHECK(files.train[0].name.substr(files.train[0].name.find('/')) ==
        files.train[1].name.substr(files.train[1].name.find('/')));  // by number, then by class
  write_colours(dir.path(), 14);
  CHECK(find_pictures(dir.path(), {}).test.size() == 2);
}

TEST_CASE("pictures of any size are scaled and cropped", "[pictures]") {
  const TempDir dir;
  write_colours(dir.path(), 12);
  Image wide = flat(10, 40, 9, 9, 9);  // its middle is 10 x 10
  for (Index y = 0; y < 10; ++y)
    for (Index x = 15; x < 25; ++x) wide.rgb[std::size_t((y * 40 + x) * 3)] = 200;
  write_picture(dir / "red/wide.png", wide);
  CHECK_THAT(error_text([&] { load_pictures(dir.path(), {}); }),
             mentions("wide.png of 10 x 40", "of 8 x 8", "expected one size", "--set size=8x8"));
  const Dataset data = load_pictures(dir.path(), {.size = "5x5"});
  CHECK(data.train.height == 5);
  const Image middle = fitted(wide, 5, 5);
  CHECK(middle.rgb == flat(5, 5, 200, 9, 9).rgb);
  CHECK(fitted(wide, 10, 40).rgb == wide.rgb);
  CHECK(fitted(flat(3, 90, 1, 2, 3), 4, 2).rgb == flat(4, 2, 1, 2, 3).rgb);
  CHECK_THAT(error_text([&] { parse_size("5x"); }), mentions("'5x'", "HEIGHTxWIDTH"));
  CHECK_THAT(error_text([&] { parse_size("0"); }), mentions("'0'", "from 1"));
  CHECK_THAT(error_text([&] { parse_numbers("deviation", "0.2,0,0.1", 3); }), mentions("above 0"));
  CHECK_THAT(error_text([&] { parse_numbers("mean", "0.2", 3); }), mentions("given 1 numbers", "expected 3"));
  CHECK_THAT(error_text([&] { parse_classes("a//b"); }), mentions("a//b", "cat/dog"));
}

TEST_CASE("broken files are named and counted, and left out if that is wanted", "[pictures]") {
  const TempDir dir;
  write_colours(dir.path(), 12);
  test::write_bytes(dir / "red/empty.png", "");
  test::write_bytes(dir / "red/notes.txt", "no picture");
  test::write_bytes(dir / "red/.hidden", "not looked at");
  const std::string whole = encode_png(flat(8, 8, 1, 2, 3));
  test::write_bytes(dir / "green/cut.png", whole.substr(0, whole.size() / 2));
  const std::string message = error_text([&] { load_pictures(dir.path(), {}); });
  CHECK_THAT(message, mentions("3 of 27 files", "empty.png", "notes.txt", "cut.png", "skip_bad=true"));
  CHECK_FALSE(test::contains(message, ".hidden"));
  const Dataset data = load_pictures(dir.path(), {.skip_bad = true});
  CHECK(data.train.count + data.test.count == 24);
  CHECK_THAT(data.note, mentions("2 classes (green 12, red 12)", "left out", "cut.png"));
}

TEST_CASE("a picture that changes while it is used is refused", "[pictures]") {
  const TempDir dir;
  write_colours(dir.path(), 12);
  const Dataset data = load_pictures(dir.path(), {.picture_memory = 0});
  std::vector<std::uint8_t> values(3 * 8 * 8);
  data.train.read(0, values.data());
  write_picture(dir / "green/000000.png", flat(8, 8, 7, 7, 7));
  write_picture(dir / "red/000000.png", flat(8, 8, 7, 7, 7));
  CHECK_THAT(error_text([&] { data.train.read(0, values.data()); }), mentions("000000.png", "has changed"));
  fs::remove_all(dir / "green");
  fs::remove_all(dir / "red");
  CHECK_THAT(error_text([&] { data.train.read(0, values.data()); }), mentions("000000.png"));
}

TEST_CASE("folders that are no data set are refused in words", "[pictures]") {
  const TempDir dir;
  const auto refused = [&](const fs::path& folder, const PictureSettings& settings = {}) {
    return error_text([&] { load_pictures(folder, settings); });
  };
  fs::create_directories(dir / "empty");
  CHECK_THAT(refused(dir / "empty"), mentions("with 0 subfolders", "two or more"));
  write_picture(dir / "one/cat/1.png", flat(8, 8, 1, 2, 3));
  CHECK_THAT(refused(dir / "one"), mentions("with 1 subfolder,", "two or more"));
  fs::create_directories(dir / "one/dog");
  CHECK_THAT(refused(dir / "one"), mentions("'dog' has no picture to train on"));
  write_picture(dir / "loose/1.png", flat(8, 8, 1, 2, 3));
  fs::create_directories(dir / "loose/a");
  fs::create_directories(dir / "loose/b");
  CHECK_THAT(refused(dir / "loose"), mentions("'1.png'", "belongs to no class"));
  write_colours(dir / "parts/train", 3);
  write_colours(dir / "parts/test", 1, "red", "blue");
  CHECK_THAT(refused(dir / "parts"), mentions("test/blue", "none of the 2 classes", "green, red"));
  fs::rename(dir / "parts/train", dir / "parts/tranquil");
  CHECK_THAT(refused(dir / "parts"), mentions("without train/"));
  for (int i = 0; i < 6; ++i)
    for (const char* name : {"a", "b"})
      write_picture(dir / "flat" / name / (numbered(i) + ".png"), flat(8, 8, 5, 5, 5));
  CHECK_THAT(refused(dir / "flat"), mentions("have one value, expected", "that differ"));
  CHECK_THAT(refused(dir / "absent"), mentions("absent", "cannot be read"));
  write_colours(dir / "good", 12);
  CHECK_THAT(refused(dir / "good", {.classes = "red/yellow"}), mentions("good/green", "red, yellow"));
  CHECK_THAT(refused(dir / "good", {.mean = "0.5"}), mentions("mean", "expected 3"));
}

TEST_CASE("class names reach evaluation, prediction, confusion and report", "[pictures]") {
  const TempDir dir;
  write_colours(dir / "data", 14, "red, bright", "green");
  const Ran trained = run_command(small_training(dir / "data", dir / "run"));
  INFO(trained.err);
  REQUIRE(trained.code == 0);
  CHECK_THAT(trained.out, mentions("2 classes (green 14, red, bright 14) of 8 x 8 pixels in colour",
                                   "drawn by their names", "mean 0."));
  CHECK(read_file(dir / "run" / "confusion.csv").starts_with("label,green,\"red, bright\"\n"));
  const Json config = read_json_file(dir / "run" / "config.json")["config"];
  CHECK(config["dataset"] == "folder");
  CHECK(config["classes"] == "green/red, bright");
  fs::rename(dir / "data", dir / "moved");
  const Ran evaluated = run_command({"eval", (dir / "run").string(), "--data", (dir / "moved").string(),
                                     "--split", "test", "--device", "cpu"});
  INFO(evaluated.err);
  REQUIRE(evaluated.code == 0);
  CHECK_THAT(evaluated.out, mentions("\"red, bright\":"));
  fs::remove_all(dir / "moved");  // prediction needs only the checkpoint
  write_picture(dir / "x.png", flat(20, 30, 180, 5, 0));
  const Ran predicted =
      run_command({"predict", (dir / "run").string(), (dir / "x.png").string(), "--device", "cpu"});
  INFO(predicted.err);
  CHECK(predicted.code == 0);
  CHECK_THAT(predicted.out, mentions("red, bright ", "green ", "%"));
  CHECK(run_command({"report", (dir / "run").string(), "--output", (dir / "report.html").string()}).code ==
        0);
  CHECK_THAT(read_file(dir / "report.html"), mentions("red, bright", "image-classification, data"));
}

TEST_CASE("every model takes pictures of other sizes and class counts, or says what it needs", "[pictures]") {
  const TempDir dir;
  write_colours(dir / "data", 12);
  for (int i = 0; i < 12; ++i)
    write_picture(dir / "data/blue" / (numbered(i) + ".png"), flat(8, 8, 0, 0, std::uint8_t(100 + i)));
  const auto trained = [&](const std::string& model, const std::string& size, const std::string& channels) {
    const Ran result = run_command({"train",    "image-classification",
                                    "--device", "cpu",
                                    "--data",   (dir / "data").string(),
                                    "--run",    (dir / (model + size)).string(),
                                    "--model",  model,
                                    "--set",    "size=" + size,
                                    "--set",    "channels=" + channels,
                                    "--set",    "epochs=1",
                                    "--set",    "batch=16",
                                    "--set",    "schedule=constant"});
    return result.code == 0 ? text("ok ", result.out) : result.err;
  };
  CHECK_THAT(trained("sim", "9x6", "3"), mentions("ok", "3 classes", "9 x 6"));
  CHECK_THAT(trained("mondeq-single", "6", "3"), mentions("ok", "6 x 6"));
  CHECK_THAT(trained("mondeq-multi", "6", "2,3"), mentions("ok", "6 x 6"));
  CHECK_THAT(trained("mondeq-single", "9x6", "3"), mentions("9 x 6", "square", "--set size=6"));
  CHECK_THAT(trained("mondeq-multi", "5", "2,3"), mentions("side 5", "odd side"));
  CHECK_THAT(trained("sim", "1", "3"), mentions("(3, 1, 1)", "at least 4 x 4"));
  CHECK_THAT(trained("mondeq-single", "1", "3"), mentions("side 1", "at least 2"));
}

TEST_CASE("an exported network computes the same logits in PyTorch", "[pictures]") {
  const TempDir dir;
  const std::string python = python_program();
  if (std::system((shell_quoted(python) + " -c 'import torch, safetensors' 2>/dev/null").c_str()) != 0) {
    WARN("not tested: " << python << " has no torch");
    return;
  }
  write_colours(dir / "data", 12);
  for (const std::string model : {"sim", "sim2"}) {
    std::vector<std::string> command = small_training(dir / "data", dir / model);
    command.insert(command.end(), {"--model", model});
    REQUIRE(run_command(command).code == 0);
    const Ran written = run_command(
        {"export", (dir / model).string(), "--to", "torch", "--output", (dir / ("torch " + model)).string()});
    INFO(written.err);
    REQUIRE(written.code == 0);
    const fs::path answer = dir / "answer.txt";
    const std::string check = shell_command({python, (dir / ("torch " + model) / "model.py").string()}) +
                              " > " + shell_path(answer) + " 2>&1";
    CHECK(std::system(check.c_str()) == 0);
    const std::string said = read_file(answer);
    INFO(said);
    REQUIRE(test::contains(said, "stillpoint's "));
    CHECK(std::stod(said.substr(said.rfind(' '))) < 1e-5);
  }
  CHECK(run_command({"train", "image-classification", "--device", "cpu", "--data", (dir / "data").string(),
                     "--run", (dir / "mon").string(), "--model", "mondeq-single", "--set", "channels=2",
                     "--set", "epochs=1", "--set", "schedule=constant"})
            .code == 0);
  CHECK_THAT(run_command({"export", (dir / "mon").string(), "--output", (dir / "no").string()}).err,
             mentions("no layer of PyTorch has", "sim or sim2"));
}

}  // namespace stillpoint
