// The classification data sets by name: their properties, the search for their files, and their split.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/data/image_set.h"

namespace stillpoint {

struct DatasetInfo {
  std::string name = {};  // cifar10, svhn, mnist, fashion-mnist, or folder
  Index channels = 0, height = 0, width = 0;
  std::vector<std::string> classes = {};          // by label
  std::vector<double> mean = {}, deviation = {};  // per channel of the training pixels / 255
  bool cropped = false;          // pictures of another shape lose their edges; false: they are stretched
  std::string files = {};        // their official names
  std::string published = {};    // where the files are published
  std::string torchvision = {};  // its folder there, if another set has files of the same names
  // The first labels of the official training set, if another set has files of the same names.
  std::vector<std::int32_t> first_labels = {};
};

const std::vector<DatasetInfo>& dataset_infos();
// Throws Error, with the nearest name, for an unknown name.
const DatasetInfo& dataset_info(std::string_view name);

struct Dataset {
  ImageSet train, test;
  std::filesystem::path source;   // the folder or archive that was read
  DatasetInfo info = {};          // its properties
  std::vector<Index> valid = {};  // the rows of `train` that validate, ascending; empty: they are drawn
  std::uint64_t digest = 0;       // of the decoded values; 0: the images are in memory
  std::string note = {};          // for the user, on what was found; empty if there is nothing to say
};

// Returns whether load_dataset finds MNIST's files there.
bool has_mnist(const std::filesystem::path& path);

// Loads a set from `path`: a folder or, for cifar10, also the archive. If it is empty, tries STILLPOINT_DATA
// of the environment, then the place where Debian puts Fashion-MNIST. For a folder PATH, tries PATH/NAME and
// PATH, also in the layouts of torchvision (MNIST/raw) and 7-Zip (train-images.idx3-ubyte). Throws Error if
// files are missing (with the names tried and the place where they are published), truncated, not what their
// name says, or those of another set by their first labels.
Dataset load_dataset(std::string_view name, const std::filesystem::path& path = {});

// The rows of the training and validation sets, both ascending. The seed draws one row in ten to validate.
struct Split {
  std::vector<Index> train, valid;
};
// retrain: `train` holds all rows, including those that validate.
Split split_rows(Index count, std::uint64_t seed, bool retrain = false);

// Takes the given rows of `count` to validate.
Split split_rows(Index count, const std::vector<Index>& valid, bool retrain = false);

std::vector<Index> all_rows(Index count);

}  // namespace stillpoint
