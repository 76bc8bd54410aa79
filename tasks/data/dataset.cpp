// Holds the table of data sets, searches for their files, and splits their rows.
#include "tasks/data/dataset.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <optional>

#include "engine/config.h"
#include "tasks/data/cifar.h"
#include "tasks/data/idx.h"
#include "tasks/data/svhn.h"
#include "tasks/training/order.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

constexpr const char *idx_files =
                         "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
                         "t10k-labels-idx1-ubyte, with or without .gz",
                     *cifar_archive = "cifar-10-binary.tar.gz", *cifar_folder = "cifar-10-batches-bin",
                     *debian_fashion = "/usr/share/datasets/fashion-mnist";

std::vector<DatasetInfo> make_infos() {
  return {
      {.name = "cifar10",
       .channels = 3,
       .height = 32,
       .width = 32,
       .classes = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
       .mean = {0.4914, 0.4822, 0.4465},
       .deviation = {0.2470, 0.2435, 0.2616},
       .files = "data_batch_1.bin to data_batch_5.bin and test_batch.bin, or cifar-10-binary.tar.gz",
       .published =
           "the CIFAR page of Alex Krizhevsky, www.cs.toronto.edu/~kriz/cifar.html (binary version)"},
      {.name = "svhn",
       .channels = 3,
       .height = 32,
       .width = 32,
       .classes = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
       .mean = {0.4377, 0.4438, 0.4728},
       .deviation = {0.1980, 0.2010, 0.1970},
       .files = "train_32x32.mat and test_32x32.mat",
       .published = "the SVHN page, ufldl.stanford.edu/housenumbers (format 2, cropped digits)"},
      {.name = "mnist",
       .channels = 1,
       .height = 28,
       .width = 28,
       .classes = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
       .mean = {0.1307},
       .deviation = {0.3081},
       .files = idx_files,
       .published = "the MNIST page of Yann LeCun, yann.lecun.com/exdb/mnist",
       .torchvision = "MNIST",
       .first_labels = {5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7, 2, 8, 6, 9}},
      {.name = "fashion-mnist",
       .channels = 1,
       .height = 28,
       .width = 28,
       .classes = {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
                   "ankle boot"},
       .mean = {0.2860},
       .deviation = {0.3530},
       .files = idx_files,
       .published = "github.com/zalandoresearch/fashion-mnist, and in Debian's package dataset-fashion-mnist",
       .torchvision = "FashionMNIST",
       .first_labels = {9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9, 1, 0, 6, 4}}};
}

// Also true for a pipe or a device: the reader of the file refuses those.
bool is_no_folder(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_directory(status);
}

// Looks for files, and records the names that it did not find.
class Search {
 public:
  // Returns the first name that exists and is not a folder. Records the first two names if none does.
  std::optional<fs::path> file(const fs::path& folder, const std::vector<std::string>& names) {
    for (const std::string& name : names)
      if (is_no_folder(folder / name)) return folder / name;
    missing.push_back((folder / names.front()).string() + (names.size() > 1 ? " or " + names[1] : ""));
    return {};
  }
  // Returns all of the files, or none.
  std::vector<fs::path> files(const fs::path& folder, const std::vector<std::vector<std::string>>& names) {
    std::vector<fs::path> found;
    for (const std::vector<std::string>& each : names)
      if (const std::optional<fs::path> path = file(folder, each)) found.push_back(*path);
    return found.size() == names.size() ? found : std::vector<fs::path>();
  }

  std::vector<std::string> missing;
};

void require_own_labels(const DatasetInfo& info, const ImageSet& train, const fs::path& folder) {
  for (const DatasetInfo& other : dataset_infos()) {
    const std::vector<std::int32_t>& first = other.first_labels;
    const bool same = !first.empty() && first.size() <= train.labels.size() &&
                      std::equal(first.begin(), first.end(), train.labels.begin());
    require(!same || other.name == info.name, info.name, ": given ", folder.string(), " with the files of ",
            other.name, ", expected those of ", info.name, ", name their folder, or one with a subfolder ",
            info.name);
  }
}

// Returns the names of a file of MNIST as published and as 7-Zip unpacks it: with a dot, under the name
// stored in the gzip file, and in a folder of its own.
std::vector<std::string> idx_names(const std::string& stem, const std::string& kind) {
  const std::string official = stem + "-" + kind, dotted = stem + "." + kind;
  std::vector<std::string> names;
  for (const std::string& name : {official, dotted, official + "/" + official, official + "/" + dotted,
                                  dotted + "/" + dotted, dotted + "/" + official})
    names.insert(names.end(), {name, name + ".gz"});
  return names;
}

// Returns the files of training images and labels, test images and labels; nothing if one is missing.
std::vector<fs::path> find_idx(const fs::path& folder, Search& search) {
  return search.files(folder,
                      {idx_names("train-images", "idx3-ubyte"), idx_names("train-labels", "idx1-ubyte"),
                       idx_names("t10k-images", "idx3-ubyte"), idx_names("t10k-labels", "idx1-ubyte")});
}

std::optional<Dataset> load_idx(const DatasetInfo& info, const fs::path& folder, Search& search) {
  const std::vector<fs::path> found = find_idx(folder, search);
  if (found.empty()) return {};
  Dataset set{read_idx(found[0], found[1], info.height, info.width),
              read_idx(found[2], found[3], info.height, info.width), folder, info};
  require_own_labels(info, set.train, folder);
  return set;
}

std::optional<Dataset> load_cifar(const DatasetInfo& info, const fs::path& path, Search& search) {
  const auto dataset = [&](CifarSets sets, const fs::path& source) {
    return Dataset{std::move(sets.train), std::move(sets.test), source, info};
  };
  if (is_no_folder(path)) return dataset(read_cifar_archive(path), path);
  std::vector<std::vector<std::string>> names;
  for (const auto* files : {&cifar_train_files(), &cifar_test_files()})
    for (const std::string& file : *files) names.push_back({file});
  for (const fs::path& folder : {path, path / cifar_folder, path / "cifar-10-binary" / cifar_folder})
    if (!search.files(folder, names).empty()) return dataset(read_cifar_folder(folder), folder);
  if (const auto archive = search.file(path, {cifar_archive}))
    return dataset(read_cifar_archive(*archive), *archive);
  return {};
}

std::optional<Dataset> load_svhn(const DatasetInfo& info, const fs::path& folder, Search& search) {
  const std::vector<fs::path> found = search.files(folder, {{"train_32x32.mat"}, {"test_32x32.mat"}});
  if (found.empty()) return {};
  return Dataset{read_svhn(found[0]), read_svhn(found[1]), folder, info};
}

// Returns PATH/NAME and PATH for a folder, with torchvision's folders in both; an archive itself; or, without
// a path, the usual places of the files.
std::vector<fs::path> places(const DatasetInfo& info, const fs::path& path) {
  const char* const set = std::getenv("STILLPOINT_DATA");
  const fs::path start = !path.empty() ? path : set != nullptr ? fs::path(set) : fs::path();
  std::vector<fs::path> out;
  if (!start.empty()) {
    std::error_code code;
    const bool folder = fs::is_directory(start, code);
    require(fs::exists(start, code), info.name, ": given the path ", start.string(),
            path.empty() ? " in STILLPOINT_DATA" : "",
            ", which does not exist or cannot be read, expected a folder with ", info.files,
            "; they are published at ", info.published);
    require(folder || info.name == "cifar10", info.name, ": given the file ", start.string(),
            ", expected a folder with ", info.files, ", name the folder");
    if (folder) out.push_back(start / info.name);
    out.push_back(start);
    // torchvision's layout
    for (const fs::path& root : std::vector<fs::path>(out))
      for (const fs::path& raw : {root / info.torchvision / "raw", root / "raw"})
        if (!info.torchvision.empty() && fs::is_directory(raw, code)) out.push_back(raw);
  }
  if (path.empty() && info.name == "fashion-mnist") out.push_back(debian_fashion);
  return out;
}

}  // namespace

const std::vector<DatasetInfo>& dataset_infos() {
  static const std::vector<DatasetInfo> infos = make_infos();
  return infos;
}

const DatasetInfo& dataset_info(std::string_view name) {
  std::vector<std::string> names;
  for (const DatasetInfo& info : dataset_infos()) {
    if (name == info.name) return info;
    names.push_back(info.name);
  }
  fail("dataset: given '", shown(name), "', expected one of ", join(names), did_you_mean(name, names));
}

bool has_mnist(const fs::path& path) {
  Search search;
  const std::vector<fs::path> folders = places(dataset_info("mnist"), path);
  return std::any_of(folders.begin(), folders.end(),
                     [&](const fs::path& folder) { return !find_idx(folder, search).empty(); });
}

Dataset load_dataset(std::string_view name, const fs::path& path) {
  const DatasetInfo& info = dataset_info(name);
  Search search;
  for (const fs::path& place : places(info, path)) {
    std::optional<Dataset> found = info.name == "cifar10" ? load_cifar(info, place, search)
                                   : info.name == "svhn"  ? load_svhn(info, place, search)
                                                          : load_idx(info, place, search);
    if (found) return std::move(*found);
  }
  std::string tried;
  for (const std::string& file : search.missing) tried += "\n  " + file;
  fail(info.name, ": ", tried.empty() ? "given no path" : "found no files", ", expected a folder with ",
       info.files,
       "; name it with --data or in the environment variable STILLPOINT_DATA. The files are published at ",
       info.published, tried.empty() ? "" : ". Not found:", tried);
}

std::vector<Index> all_rows(Index count) {
  std::vector<Index> rows(std::size_t(count), 0);
  std::iota(rows.begin(), rows.end(), Index(0));
  return rows;
}

Split split_rows(Index count, std::uint64_t seed, bool retrain) {
  require(count >= 10, "split: given ", count, " images, expected at least 10, load a larger set");
  // This epoch is the furthest from those of training, so that the same seed gives another order.
  const std::vector<Index> order = EpochOrder{seed, count, true}.rows((Index(1) << 62) - 1);
  const auto valid = order.begin() + (count + 5) / 10;
  Split split{{valid, order.end()}, {order.begin(), valid}};
  if (retrain) split.train = order;
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.valid.begin(), split.valid.end());
  return split;
}

Split split_rows(Index count, const std::vector<Index>& valid, bool retrain) {
  Split split{all_rows(count), valid};
  if (retrain) return split;
  std::vector<Index> rest;
  std::set_difference(split.train.begin(), split.train.end(), valid.begin(), valid.end(),
                      std::back_inserter(rest));
  split.train = std::move(rest);
  return split;
}

}  // namespace stillpoint
