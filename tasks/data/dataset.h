// The classification data sets by name: what is known of each, where its files are looked for, and its split.
#pragma once
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/data/image_set.h"

namespace stillpoint {

struct DatasetInfo {
  std::string name;  // cifar10, svhn, mnist or fashion-mnist
  Index channels, height, width;
  std::array<std::string, 10> classes;  // by label
  std::vector<double> mean, deviation;  // per channel of the training pixels / 255
  std::string files;                    // the official names
  std::string published;                // where they are
  std::string torchvision = "";         // its folder there, where its files have the same names as another's
  // Of the official training set, where another set's files have the same names.
  std::vector<std::int32_t> first_labels = {};
};

const std::vector<DatasetInfo>& dataset_infos();
// Error for another name, with the nearest one.
const DatasetInfo& dataset_info(std::string_view name);

struct Dataset {
  ImageSet train, test;
  std::filesystem::path source;  // the folder or archive that was read
};

// From `path`, a folder or for cifar10 also the archive; empty: from the environment's STILLPOINT_DATA, then
// from where Debian puts Fashion-MNIST. In a folder PATH both PATH/NAME and PATH are tried, and
// the layouts of torchvision (MNIST/raw) and 7-Zip (train-images.idx3-ubyte) in them. Error where files
// are missing (with the names tried and where they are published), truncated, not what their name says, or
// another set's by their first labels.
Dataset load_dataset(std::string_view name, const std::filesystem::path& path = {});

// Rows of the training and the validation set, each ascending: one row in ten, drawn by seed, validates.
struct Split {
  std::vector<Index> train, valid;
};
// retrain: train holds all rows, those that validate included.
Split split_rows(Index count, std::uint64_t seed, bool retrain = false);

std::vector<Index> all_rows(Index count);

}  // namespace stillpoint
