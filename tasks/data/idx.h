// Reads and writes IDX, the format of MNIST and Fashion-MNIST; files may be gzipped.
//
// Numbers are big-endian and 32 bits wide: magic 2051, count, height, width, then a byte per pixel; or magic
// 2049, count, then a byte per label.
#pragma once
#include <filesystem>
#include <string>

#include "tasks/data/image_set.h"

namespace stillpoint {

// Throws Error, with the bytes given and expected, if a file is missing, truncated, too long, of another kind
// or size, or holds a label above 9.
ImageSet read_idx(const std::filesystem::path& images, const std::filesystem::path& labels, Index height,
                  Index width);

// Return the bytes of both files, not gzipped.
std::string idx_images(const ImageSet& set);
std::string idx_labels(const ImageSet& set);

}  // namespace stillpoint
