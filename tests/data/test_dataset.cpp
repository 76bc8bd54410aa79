// Tests data sets by name: where their files are looked for, the message if they are missing, and the table
// of data sets.
#include "tasks/data/dataset.h"

#include <stdlib.h>

#include <algorithm>
#include <optional>
#include <set>

#include "tasks/data/cifar.h"
#include "tests/support/catch.h"
#include "tests/support/data_files.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

using test::check_equal;
using test::sample_images;
using test::TempDir;
using test::write_bytes;

// Sets STILLPOINT_DATA for as long as the object lives; an empty value unsets it.
class DataVariable {
 public:
  explicit DataVariable(const std::optional<std::string>& value) {
    if (const char* const now = ::getenv("STILLPOINT_DATA")) before_ = now;
    set(value);
  }
  ~DataVariable() { set(before_); }

 private:
  static void set(const std::optional<std::string>& value) {
    if (value)
      ::setenv("STILLPOINT_DATA", value->c_str(), 1);
    else
      ::unsetenv("STILLPOINT_DATA");
  }
  std::optional<std::string> before_;
};

std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

}  // namespace

TEST_CASE("load_dataset: a folder, its subfolder by name, and the environment", "[data]") {
  const TempDir dir;
  const ImageSet train = sample_images(20, 1, 28, 28), test = sample_images(10, 1, 28, 28);
  test::write_idx_folder(dir / "mnist", train, test, true);
  const std::filesystem::path here = dir / "mnist";
  const DataVariable none(std::nullopt);
  for (const std::filesystem::path& path : {dir.path(), here}) {
    const Dataset set = load_dataset("mnist", path);
    check_equal(set.train, train);
    check_equal(set.test, test);
    CHECK(set.source == here);
    const DataVariable variable(path.string());
    check_equal(load_dataset("mnist").train, train);
  }
  test::write_idx_folder(dir.path(), test, train, false);
  CHECK(load_dataset("mnist", dir.path()).train.count == 20);  // PATH/NAME comes first
  CHECK(load_dataset("fashion-mnist", dir.path()).train.count == 10);
}

TEST_CASE("load_dataset: MNIST is found as torchvision and 7-Zip lay it out", "[data]") {
  const DataVariable none(std::nullopt);
  const ImageSet train = sample_images(20, 1, 28, 28), test = sample_images(10, 1, 28, 28);
  for (const bool gzipped : {true, false}) {
    const TempDir dir;
    test::write_idx_folder(dir / "MNIST/raw", train, test, gzipped);
    test::write_idx_folder(dir / "FashionMNIST/raw", test, train, gzipped);
    for (const std::filesystem::path& path : {dir.path(), dir / "MNIST", dir / "MNIST/raw"})
      check_equal(load_dataset("mnist", path).train, train);
    CHECK(load_dataset("fashion-mnist", dir.path()).source == dir / "FashionMNIST/raw");
  }
  for (const bool gzipped : {true, false})
    for (const bool own_folder : {true, false})
      for (const bool dotted : {true, false}) {
        const TempDir dir;
        test::write_idx_folder(dir / "all", train, test, gzipped);
        for (const std::string& name : names_in(dir / "all")) {
          std::string to = name;
          if (dotted) to[to.rfind("-idx")] = '.';
          const std::filesystem::path folder =
              own_folder ? dir.path() / name.substr(0, name.rfind(".gz")) : dir.path();
          std::filesystem::create_directories(folder);
          std::filesystem::rename(dir / "all" / name, folder / to);
        }
        INFO(gzipped << own_folder << dotted);
        check_equal(load_dataset("mnist", dir.path()).train, train);
        check_equal(load_dataset("mnist", dir.path()).test, test);
      }
}

TEST_CASE("load_dataset: MNIST is not taken for Fashion-MNIST, whose files have the same names", "[data]") {
  const TempDir dir;
  const DataVariable none(std::nullopt);
  for (const auto& [own, other] :
       {std::pair("mnist", "fashion-mnist"), std::pair("fashion-mnist", "mnist")}) {
    ImageSet train = sample_images(24, 1, 28, 28);
    const std::vector<std::int32_t>& first = dataset_info(own).first_labels;
    REQUIRE(first.size() == 20);
    std::copy(first.begin(), first.end(), train.labels.begin());
    test::write_idx_folder(dir.path(), train, sample_images(10, 1, 28, 28), false);
    CHECK(load_dataset(own, dir.path()).train.count == 24);
    CHECK_THAT(error_text([&] { load_dataset(other, dir.path()); }),
               mentions(text(other, ": given ", dir.path().string(), " with the files of ", own)));
  }
}

TEST_CASE("load_dataset: what is missing is named, with where it is published", "[data]") {
  const TempDir dir;
  const DataVariable none(std::nullopt);
  CHECK_THAT(error_text([&] { load_dataset("mnist"); }),
             mentions("given no path", "--data", "STILLPOINT_DATA", "yann.lecun.com"));
  test::write_idx_folder(dir.path(), sample_images(20, 1, 28, 28), sample_images(10, 1, 28, 28), true);
  std::filesystem::remove(dir / "t10k-labels-idx1-ubyte.gz");
  const std::string message = error_text([&] { load_dataset("mnist", dir.path()); });
  CHECK_THAT(message,
             mentions("\n  " + (dir / "t10k-labels-idx1-ubyte").string() + " or t10k-labels-idx1-ubyte.gz"));
  CHECK(!test::contains(message, "\n  " + (dir / "train-images-idx3-ubyte").string()));
  CHECK_THAT(error_text([&] { load_dataset("svhn", dir.path()); }),
             mentions((dir / "train_32x32.mat").string(), (dir / "svhn").string() + "/test_32x32.mat",
                      "ufldl.stanford.edu/housenumbers"));
  CHECK_THAT(error_text([&] { load_dataset("cifar10", dir.path()); }),
             mentions((dir / "cifar-10-batches-bin").string() + "/data_batch_1.bin",
                      (dir / "test_batch.bin").string(), (dir / "cifar-10-binary.tar.gz").string(),
                      "www.cs.toronto.edu/~kriz/cifar.html"));
  CHECK_THAT(error_text([&] { load_dataset("mnist", dir / "absent"); }),
             mentions("absent", "does not exist"));
  CHECK_THAT(error_text([&] { load_dataset("svhn", dir / "train-images-idx3-ubyte.gz"); }),
             mentions("given the file"));
  CHECK_THAT(error_text([&] { load_dataset("mnits", dir.path()); }),
             mentions("'mnits'", "did you mean 'mnist'"));
  const DataVariable variable((dir / "absent").string());
  CHECK_THAT(error_text([&] { load_dataset("mnist"); }),
             mentions("absent", "STILLPOINT_DATA", "does not exist"));
}

TEST_CASE("load_dataset: CIFAR-10 takes only whole official files", "[data][cifar]") {
  const TempDir dir;
  const std::filesystem::path folder = dir / "cifar-10-batches-bin";
  std::filesystem::create_directories(folder);
  for (const auto* files : {&cifar_train_files(), &cifar_test_files()})
    for (const std::string& file : *files) {
      write_bytes(folder / file, "");
      std::filesystem::resize_file(folder / file, 30730000);  // the zeros take no space on the disk
    }
  const Dataset set = load_dataset("cifar10", dir.path());
  CHECK(set.train.count == 50000);
  CHECK(set.test.count == 10000);
  CHECK(set.source == folder);
  std::filesystem::resize_file(folder / "data_batch_2.bin", 30730000 - 3073);
  CHECK_THAT(error_text([&] { load_dataset("cifar10", dir.path()); }),
             mentions("data_batch_2.bin", "with 30726927 bytes, expected 30730000 (10000 images)"));
#if STILLPOINT_LIBARCHIVE
  std::filesystem::remove_all(folder);
  test::write_tar_gz(dir / "cifar-10-binary.tar.gz", {{"data_batch_1.bin", "short"}});
  for (const std::filesystem::path& path : {dir.path(), dir / "cifar-10-binary.tar.gz"})
    CHECK_THAT(error_text([&] { load_dataset("cifar10", path); }),
               mentions("data_batch_1.bin in " + (dir / "cifar-10-binary.tar.gz").string(), "with 5 bytes"));
#endif
}

#if STILLPOINT_MATIO
TEST_CASE("load_dataset: SVHN's two files", "[data][svhn]") {
  const TempDir dir;
  const ImageSet train = sample_images(12, 3, 32, 32), test = sample_images(11, 3, 32, 32);
  test::write_svhn(dir / "train_32x32.mat", train);
  test::write_svhn(dir / "test_32x32.mat", test);
  const Dataset set = load_dataset("svhn", dir.path());
  check_equal(set.train, train);
  check_equal(set.test, test);
}
#endif

TEST_CASE("the table of data sets agrees with the published files", "[data]") {
  CHECK(dataset_infos().size() == 4);
  for (const DatasetInfo& info : dataset_infos()) {
    INFO(info.name);
    CHECK(&dataset_info(info.name) == &info);
    CHECK(Index(info.mean.size()) == info.channels);
    CHECK(Index(info.deviation.size()) == info.channels);
    for (const std::string& name : info.classes) CHECK(!name.empty());
  }
}

}  // namespace stillpoint
