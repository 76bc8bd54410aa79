// Writes small files in the formats of the data sets, for tests of their loaders.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/data/image_set.h"

namespace stillpoint::test {

// Returns images with labels 0, 1, .., 9, 0, .. and pixels that differ everywhere.
ImageSet sample_images(Index count, Index channels, Index height, Index width);
void check_equal(const ImageSet& a, const ImageSet& b);

void write_gzip(const std::filesystem::path& path, const std::string& bytes);
// Writes the four files of a set; their names end in .gz if they are gzipped.
void write_idx_folder(const std::filesystem::path& folder, const ImageSet& train, const ImageSet& test,
                      bool gzipped);

// Writes MNIST's four files into a folder, with images from bar_digits().
void write_bar_mnist(const std::filesystem::path& folder, Index train, Index test);

std::string cifar_records(const ImageSet& set, Index first, Index last);

#if STILLPOINT_LIBARCHIVE
struct ArchiveFile {
  std::string path, bytes;
};
void write_tar_gz(const std::filesystem::path& path, const std::vector<ArchiveFile>& files);
#endif

#if STILLPOINT_MATIO
struct MatOptions {
  bool compressed = true, label_doubles = false;
  std::string x_name = "X", extra = "";  // extra: the name of a third array
  std::vector<int> labels = {};          // instead of the set's labels
  bool complex_x = false, cells = false;
};
// Writes X (width.., as SVHN has it) and y, with label 10 for digit 0.
void write_svhn(const std::filesystem::path& path, const ImageSet& set, const MatOptions& options = {});
#endif

}  // namespace stillpoint::test
