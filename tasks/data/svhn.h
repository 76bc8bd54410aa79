// Reads SVHN's cropped digits: a MATLAB file (version 5) with X (32,32,3,n) uint8, column by column, and
// labels y 1..10.
#pragma once
#include <filesystem>

#include "tasks/data/image_set.h"

namespace stillpoint {

// Returns images of side x side pixels; label 10 stands for digit 0. Throws Error if the file is truncated,
// damaged, of another version, or holds anything other than X and y of these sizes. Needs matio, which sees
// the file only after every size in it is checked.
ImageSet read_svhn(const std::filesystem::path& path, Index side = 32);

}  // namespace stillpoint
