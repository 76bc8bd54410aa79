// SVHN's cropped digits: a MATLAB file (version 5) with X (32,32,3,n) uint8, column by column, and labels
// y 1..10.
#pragma once
#include <filesystem>

#include "tasks/data/image_set.h"

namespace stillpoint {

// Images of side x side pixels; label 10 stands for digit 0. Error where the file is truncated, damaged, of
// another version, or holds anything but X and y of such sizes. Needs matio, which sees the file only after
// every size in it was checked.
ImageSet read_svhn(const std::filesystem::path& path, Index side = 32);

}  // namespace stillpoint
