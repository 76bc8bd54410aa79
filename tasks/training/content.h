// Identifies the data that a run learns from by a digest of the decoded values. Files may move, be packed or
// be rewritten in another format, and remain the same data.
#pragma once
#include <string>

#include "engine/config.h"

namespace stillpoint {

struct Dataset;
struct Image;
struct SequenceData;

// Returns a text like "280 x 280 pixels, digest 0123456789abcdef". The digest (FNV-1a, 64 bits) detects
// mistakes: two different data sets have the same one once in 2^64 cases. It does not protect against
// somebody who wants it to fail.
std::string content_of(const Image& image);
std::string content_of(const Dataset& data);
std::string content_of(const SequenceData& data);

// Throws Error, beginning with `where`, if a run has recorded other content than its data have now. Runs that
// are older than this record pass.
void require_same_content(const std::string& where, const std::string& recorded, const std::string& now);

// Returns whether a resumed run may change a setting: it ends the run, or says how often something is done.
bool may_change(const std::string& setting);
// Returns the names of these settings.
std::string changeable_settings();

// Throws Error, with the names of the settings, if those beside a checkpoint differ from those in it:
// somebody has edited them, but a resumed run would ignore that. Places of data may differ, and what
// may_change().
void require_same_settings(const std::string& path, const Json& beside, const Json& of_checkpoint);

}  // namespace stillpoint
