// A data set of pictures in folders: any sizes, formats and classes, decoded when they are needed.
#pragma once
#include <string>

#include "engine/config.h"
#include "tasks/data/dataset.h"

namespace stillpoint {

// How pictures become images. What is left open the data decide; a run then records what they decided, so
// that its model can be used without them, and on other data.
struct PictureSettings {
  std::string size = {}, colours = "auto", background = "white", classes = {}, mean = {}, deviation = {};
  bool skip_bad = false;
  std::int64_t picture_memory = 256;

  template <class F>
  void fields(F& f) {
    f("size", size, "HEIGHTxWIDTH to which pictures are scaled and cropped; empty: all have one size");
    f("colours", colours, "channels of pictures; auto: grey if all of them are",
      one_of({"auto", "grey", "rgb"}));
    f("background", background, "colour behind transparent pixels: white, black, grey or #RRGGBB");
    f("classes", classes, "subfolders of the classes by label, as in cat/dog; empty: all, by name");
    f("mean", mean,
      "of the values / 255 of each channel, as in 0.49,0.48,0.45; empty: of the training pictures");
    f("deviation", deviation, "their standard deviation; empty: of the training pictures");
    f("skip_bad", skip_bad, "leave out files that are no picture or damaged, instead of refusing the folder");
    f("picture_memory", picture_memory,
      "MiB of pictures that are kept decoded; larger sets are read at every step", between(0, most_factor));
  }
};

// Loads a folder as find_pictures lays it out. It decodes every picture once, for the mean, the deviation and
// the digest, and keeps them if they take less than `picture_memory`; otherwise an image is read again
// whenever it is needed, and refused if it has changed. Throws Error, with the names of the files, if some
// cannot be decoded and skip_bad is not set, if sizes differ and `size` is empty, or if all values are the
// same.
Dataset load_pictures(const std::filesystem::path& folder, const PictureSettings& settings);

// Returns the properties of a set from settings that leave nothing open, as a run records them. Throws Error
// if one is missing or wrong.
DatasetInfo picture_info(const PictureSettings& settings);
// Returns the settings with these properties.
PictureSettings with_properties(PictureSettings settings, const DatasetInfo& info);

}  // namespace stillpoint
