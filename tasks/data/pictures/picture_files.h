// Finds the pictures of a folder with one subfolder per class, and says which train, validate and test.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stillpoint {

struct PictureFile {
  std::string name;  // its path below the folder of the set
  std::int32_t label;
};

struct PictureFiles {
  std::vector<std::string> classes;  // by label, as path_to_text makes them
  std::vector<PictureFile> train, valid, test;
  bool drawn_test = false;  // whether the test pictures were drawn from the others
};

// Finds FOLDER/CLASS/... or FOLDER/{train,valid,test}/CLASS/..., where valid (also val, validation) and test
// may be missing. Without test pictures, one in ten of each class is drawn to test, by the hash of its name.
// Labels follow the names of the classes, or `classes` unless that is empty. Pictures are in the order of
// their paths below the class, so that a set whose files are named by number keeps its order. Hidden files
// (.NAME, Thumbs.db, desktop.ini) are left out, and all others count as pictures. Throws Error if there are
// fewer than two classes, or a class has no picture to train on.
PictureFiles find_pictures(const std::filesystem::path& folder, const std::vector<std::string>& classes);

// Returns the paths of all files below a folder, from there, sorted; hidden ones are left out.
std::vector<std::string> files_below(const std::filesystem::path& folder);

// Throws Error if a class has none of the pictures.
void require_every_class(const std::string& folder, const std::vector<std::string>& classes,
                         const std::vector<std::int32_t>& labels);

}  // namespace stillpoint
