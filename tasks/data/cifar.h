// Reads the binary version of CIFAR-10: a folder of batches, or the archive in which they are published.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/data/image_set.h"

namespace stillpoint {

inline constexpr Index cifar_records = 10000;  // images in each official file

// Return data_batch_1.bin to data_batch_5.bin, and test_batch.bin.
const std::vector<std::string>& cifar_train_files();
const std::vector<std::string>& cifar_test_files();

struct CifarSets {
  ImageSet train, test;
};
// Reads records, each a label 0..9 and 32 x 32 bytes of red, of green and of blue; each file has `records` of
// them. Throws Error if a file is missing, has another size, or holds another label.
CifarSets read_cifar_folder(const std::filesystem::path& folder, Index records = cifar_records);
// Reads the same files from any folder of a .tar or .tar.gz, without unpacking it to disk. Needs libarchive.
CifarSets read_cifar_archive(const std::filesystem::path& archive, Index records = cifar_records);

}  // namespace stillpoint
