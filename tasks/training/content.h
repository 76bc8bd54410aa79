// What a run learns from, told apart by a digest of the decoded values: files may move, be packed or be
// written in another format, and stay the same data.
#pragma once
#include <string>

#include "engine/config.h"

namespace stillpoint {

struct Dataset;
struct Image;

// As "280 x 280 pixels, digest 0123456789abcdef". The digest (FNV-1a, 64 bits) guards against mistakes: two
// data sets that differ share one in 2^64 times; it is no guard against somebody who wants it to fail.
std::string content_of(const Image& image);
std::string content_of(const Dataset& data);

// Error, beginning with `where`, if a run has recorded other content than its data have now. Runs of before
// there was a record pass.
void require_same_content(const std::string& where, const std::string& recorded, const std::string& now);

// Error, naming the settings, if those beside a checkpoint are not the checkpoint's: somebody has edited
// them, and a resumed run would not obey. Places may differ.
void require_same_settings(const std::string& path, const Json& beside, const Json& of_checkpoint);

}  // namespace stillpoint
