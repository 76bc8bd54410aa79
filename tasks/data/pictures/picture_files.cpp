// Lists the subfolders and files, labels them, and draws test pictures.
#include "tasks/data/pictures/picture_files.h"

#include <algorithm>
#include <set>

#include "engine/words.h"
#include "kernels/device/error.h"
#include "tasks/process/ranks.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

bool is_hidden(const std::string& name) {
  return name.starts_with('.') || name == "Thumbs.db" || name == "desktop.ini";
}

struct Listing {
  Names folders, files;  // sorted
};

Listing list(const fs::path& folder) {
  Listing found;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (!is_hidden(name)) (entry.is_directory() ? found.folders : found.files).push_back(name);
    }
  } catch (const fs::filesystem_error& error) {
    throw MachineError(text("pictures: given the folder ", folder.string(), ", which cannot be read (",
                            error.code().message(), "), expected a folder with one subfolder per class, ",
                            "check the path and its permissions"));
  }
  std::sort(found.folders.begin(), found.folders.end());
  std::sort(found.files.begin(), found.files.end());
  return found;
}

// Links to folders are followed only as far as they do not nest deeper than any real set.
void add_files(const fs::path& root, const std::string& below, Names& files, int depth = 0) {
  require(depth < 32, "pictures: given folders that nest deeper than 32 levels in ", root.string(),
          ", expected pictures in a folder, remove a link that leads back");
  const Listing here = list(root / below);
  const std::string start = below.empty() ? "" : below + "/";
  for (const std::string& name : here.files) files.push_back(start + name);
  for (const std::string& name : here.folders) add_files(root, start + name, files, depth + 1);
}

// Returns the pictures of FOLDER/PART/CLASS/..., where PART may be empty.
std::vector<PictureFile> pictures_of(const fs::path& folder, const std::string& part, const Names& classes) {
  const Listing here = list(folder / part);
  require(here.files.empty(), "pictures: given the file '", here.files.empty() ? "" : here.files[0], "' in ",
          (folder / part).string(), ", which belongs to no class, expected only subfolders, one per class, ",
          "move it into one of them");
  std::vector<std::pair<std::string, PictureFile>> files;  // by the path below the class
  for (const std::string& name : here.folders) {
    const auto label = std::find(classes.begin(), classes.end(), path_to_text(name));
    require(label != classes.end(), "pictures: given the subfolder ", (folder / part / name).string(),
            ", which is none of the ", classes.size(), " classes, expected one of ", shown(join(classes)),
            did_you_mean(name, classes), ", rename or remove it");
    const std::string within = part.empty() ? name : part + "/" + name;
    for (const std::string& file : files_below(folder / within))
      files.push_back({file, {within + "/" + file, std::int32_t(label - classes.begin())}});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second.label < b.second.label;
  });
  std::vector<PictureFile> out;
  out.reserve(files.size());
  for (auto& [below, file] : files) out.push_back(std::move(file));
  return out;
}

// Moves one picture in ten of each class, and at least one of two or more, from `train` to `test`: those
// whose names have the smallest hashes, so that a picture stays where it is if others are added.
void draw_test(PictureFiles& files) {
  std::vector<std::vector<std::pair<std::uint64_t, std::size_t>>> of_class(files.classes.size());
  for (std::size_t i = 0; i < files.train.size(); ++i)
    of_class[std::size_t(files.train[i].label)].push_back({hash_of(files.train[i].name), i});
  std::set<std::size_t> drawn;
  for (auto& pictures : of_class) {
    std::sort(pictures.begin(), pictures.end());
    const std::size_t n = pictures.size(), count = n < 2 ? 0 : std::max<std::size_t>(1, (n + 5) / 10);
    for (std::size_t i = 0; i < count; ++i) drawn.insert(pictures[i].second);
  }
  std::vector<PictureFile> rest;
  for (std::size_t i = 0; i < files.train.size(); ++i)
    (drawn.contains(i) ? files.test : rest).push_back(std::move(files.train[i]));
  files.train = std::move(rest);
  files.drawn_test = true;
}

std::vector<std::int32_t> labels_of(const std::vector<PictureFile>& files) {
  std::vector<std::int32_t> labels;
  for (const PictureFile& file : files) labels.push_back(file.label);
  return labels;
}

}  // namespace

Names files_below(const fs::path& folder) {
  Names files;
  add_files(folder, "", files);
  std::sort(files.begin(), files.end());
  return files;
}

void require_every_class(const std::string& folder, const Names& classes,
                         const std::vector<std::int32_t>& labels) {
  const std::set<std::int32_t> found(labels.begin(), labels.end());
  for (std::size_t c = 0; c < classes.size(); ++c)
    require(found.contains(std::int32_t(c)), "pictures: given ", folder, ", where the class '",
            shown(classes[c]), "' has no picture to train on, expected at least one, add some or remove its ",
            "subfolder");
}

PictureFiles find_pictures(const fs::path& folder, const Names& classes) {
  const Names parts = list(folder).folders;
  const auto part = [&](const Names& names) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
      return std::binary_search(parts.begin(), parts.end(), name);
    });
    return found == names.end() ? std::string() : *found;
  };
  const std::string train = part({"train"}), valid = part({"valid", "val", "validation"}),
                    test = part({"test"});
  require(!train.empty() || (valid.empty() && test.empty()), "pictures: given ", folder.string(), " with ",
          valid.empty() ? test : valid,
          "/ but without train/, expected train/, valid/ and test/ (the last two ",
          "may be missing), each with one subfolder per class, or only the subfolders");
  PictureFiles files;
  files.classes = classes;
  if (classes.empty())
    for (const std::string& name : list(folder / train).folders) files.classes.push_back(path_to_text(name));
  require(files.classes.size() >= 2, "pictures: given ", (folder / train).string(), " with ",
          files.classes.size(), files.classes.size() == 1 ? " subfolder" : " subfolders",
          ", expected two or more, one per class, sort the pictures into them (or name a published data set ",
          "with --dataset)");
  files.train = pictures_of(folder, train, files.classes);
  if (!valid.empty()) files.valid = pictures_of(folder, valid, files.classes);
  if (!test.empty()) files.test = pictures_of(folder, test, files.classes);
  require(test.empty() || !files.test.empty(), "pictures: given ", (folder / test).string(),
          " without pictures, expected some, add them or remove the folder, so that some are drawn");
  require(valid.empty() || !files.valid.empty(), "pictures: given ", (folder / valid).string(),
          " without pictures, expected some, add them or remove the folder, so that some are drawn");
  require_every_class((folder / train).string(), files.classes, labels_of(files.train));
  if (test.empty()) draw_test(files);
  return files;
}

}  // namespace stillpoint
