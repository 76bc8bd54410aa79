// Decodes the pictures of a folder, and computes their mean, deviation and digest.
#include "tasks/data/pictures/picture_folder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "kernels/host/pool.h"
#include "tasks/data/pictures/picture_files.h"
#include "tasks/data/pictures/picture_values.h"
#include "tasks/data/scale_image.h"
#include "tasks/io/numbers.h"
#include "tasks/process/ranks.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

using Bytes8 = std::vector<std::uint8_t>;

std::uint64_t add(std::uint64_t hash, const void* data, std::size_t size) {
  return hash_of({static_cast<const char*>(data), size}, hash);
}

// A picture as the set's size and background make it.
struct Decoded {
  Image image = {};
  bool grey = false;
  std::uint64_t hash = 0;    // of the RGB values
  std::string problem = {};  // why the file is left out; empty if it is good
};

Decoded decode(const fs::path& path, const PictureSize& size, const Colour& background) {
  Decoded out;
  try {
    out.image = read_image(path, background);
    if (size.height > 0) out.image = fitted(std::move(out.image), size.height, size.width);
  } catch (const Error& error) {
    out.problem = error.what();
    return out;
  }
  const Bytes8& rgb = out.image.rgb;
  out.hash = add(empty_hash, rgb.data(), rgb.size());
  out.grey = true;
  for (std::size_t i = 0; i < rgb.size() && out.grey; i += 3)
    out.grey = rgb[i] == rgb[i + 1] && rgb[i] == rgb[i + 2];
  return out;
}

// Reads all pictures once. Sums and digests are those of the values with one channel and with three, until
// it is known which of them the set has.
class Scan {
 public:
  Scan(const fs::path& folder, const PictureSettings& settings, std::size_t files)
      : folder_(folder),
        settings_(settings),
        background_(colour_named(settings.background)),
        size_(parse_size(settings.size)),
        files_(files) {}

  // Appends the good ones of the files to a set.
  struct Part {
    ImageSet set = {};
    std::vector<std::string> names = {};
    std::vector<std::uint64_t> hashes = {};
  };
  void append(const std::vector<PictureFile>& files, Part& part, bool counted);
  void end(const Part& part);                              // adds the labels to the digest
  void settle(Part& part, const DatasetInfo& info) const;  // chooses the channels, and how images are read
  void require_good() const;
  DatasetInfo info(const std::vector<std::string>& classes) const;
  std::uint64_t digest() const { return digests_[channels() == 1 ? 0 : 1]; }
  std::string left_out() const;

 private:
  void add(Decoded decoded, const PictureFile& file, Part& part, bool counted);
  Index channels() const {
    return settings_.colours == "grey" || (settings_.colours == "auto" && all_grey_) ? 1 : 3;
  }

  const fs::path folder_;
  const PictureSettings& settings_;
  const Colour background_;
  PictureSize size_;  // of height 0 until it is known
  const std::size_t files_;
  std::string first_;  // the file that gave the size
  bool all_grey_ = true, kept_ = true;
  std::array<std::uint64_t, 2> digests_{empty_hash, empty_hash};  // of one and of three channels
  std::array<PictureMoments, 4> moments_{};                       // of grey, red, green, blue
  std::vector<std::string> problems_;
};

void Scan::append(const std::vector<PictureFile>& files, Part& part, bool counted) {
  constexpr std::size_t block = 64;
  const PictureSize asked = parse_size(settings_.size);
  for (std::size_t first = 0; first < files.size(); first += block) {
    std::vector<Decoded> decoded(std::min(block, files.size() - first));
    kernels::parallel(Index(decoded.size()), [&](Index i) {
      decoded[std::size_t(i)] = decode(folder_ / files[first + std::size_t(i)].name, asked, background_);
    });
    for (std::size_t i = 0; i < decoded.size(); ++i)
      add(std::move(decoded[i]), files[first + i], part, counted);
  }
}

void Scan::add(Decoded decoded, const PictureFile& file, Part& part, bool counted) {
  if (!decoded.problem.empty()) return problems_.push_back(decoded.problem);
  const Image& image = decoded.image;
  if (size_.height == 0) size_ = {image.height, image.width};
  if (first_.empty()) {
    first_ = file.name;
    kept_ =
        double(files_) * double(3 * size_.height * size_.width) <= double(settings_.picture_memory) * 0x1p20;
  }
  require(image.height == size_.height && image.width == size_.width, "pictures: given ",
          (folder_ / file.name).string(), " of ", image.height, " x ", image.width, " pixels and ",
          (folder_ / first_).string(), " of ", size_.height, " x ", size_.width,
          ", expected one size (height x width), scale and crop all of them with --set size=", size_.height,
          "x", size_.width);
  all_grey_ = all_grey_ && decoded.grey;
  const Bytes8 planes[2] = {planes_of(image, 1), planes_of(image, 3)};
  for (std::size_t k = 0; k < 2; ++k)
    digests_[k] = stillpoint::add(digests_[k], planes[k].data(), planes[k].size());
  if (counted)
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t plane = planes[0].size();
      moments_[k].add(k == 0 ? planes[0].data() : planes[1].data() + (k - 1) * plane, plane);
    }
  if (kept_) part.set.pixels.insert(part.set.pixels.end(), planes[1].begin(), planes[1].end());
  part.set.labels.push_back(file.label);
  part.names.push_back(file.name);
  part.hashes.push_back(decoded.hash);
  ++part.set.count;
}

void Scan::end(const Part& part) {
  for (std::uint64_t& digest : digests_)
    digest = stillpoint::add(digest, part.set.labels.data(), part.set.labels.size() * sizeof(std::int32_t));
}

void Scan::settle(Part& part, const DatasetInfo& info) const {
  ImageSet& set = part.set;
  set.channels = info.channels;
  set.height = info.height;
  set.width = info.width;
  if (kept_) {
    if (info.channels == 3) return;
    const std::size_t plane = std::size_t(set.image_size()), images = std::size_t(set.count);
    for (std::size_t i = 0; i < images; ++i) {
      const std::uint8_t* const red = &set.pixels[3 * i * plane];
      for (std::size_t p = 0; p < plane; ++p) {
        const std::uint8_t rgb[3] = {red[p], red[p + plane], red[p + 2 * plane]};
        set.pixels[i * plane + p] = grey_of(rgb);
      }
    }
    set.pixels.resize(images * plane);
    set.pixels.shrink_to_fit();
    return;
  }
  set.read = [folder = folder_, names = std::move(part.names), hashes = std::move(part.hashes), size = size_,
              channels = info.channels, background = background_](Index image, std::uint8_t* values) {
    const fs::path path = folder / names[std::size_t(image)];
    const Decoded decoded = decode(path, size, background);
    if (!decoded.problem.empty()) throw MachineError(decoded.problem);
    if (decoded.hash != hashes[std::size_t(image)])
      throw MachineError(text("pictures: given ", path.string(),
                              ", which has changed since this run looked at it, expected it unchanged, ",
                              "put it back and resume"));
    const Bytes8 planes = planes_of(decoded.image, channels);
    std::copy(planes.begin(), planes.end(), values);
  };
}

DatasetInfo Scan::info(const std::vector<std::string>& classes) const {
  DatasetInfo info{.name = "folder",
                   .channels = channels(),
                   .height = size_.height,
                   .width = size_.width,
                   .classes = classes,
                   .mean = parse_numbers("mean", settings_.mean, channels()),
                   .deviation = parse_numbers("deviation", settings_.deviation, channels()),
                   .cropped = true};
  const std::size_t first = info.channels == 1 ? 0 : 1;
  bool vary = !settings_.deviation.empty();
  for (std::size_t c = 0; c < std::size_t(info.channels); ++c) {
    const PictureMoments& moments = moments_[first + c];
    const double deviation = moments.deviation();
    vary = vary || deviation > 0;
    if (settings_.mean.empty()) info.mean.push_back(moments.mean());
    // A channel of one value becomes zero.
    if (settings_.deviation.empty()) info.deviation.push_back(deviation > 0 ? deviation : 1);
  }
  require(vary, "pictures: given ", folder_.string(), ", where all training pixels have one value, ",
          "expected pictures that differ, add others or --set deviation=...");
  return info;
}

void Scan::require_good() const {
  require(!first_.empty() || !problems_.empty(), "pictures: given ", folder_.string(),
          " without pictures, expected some, name another folder");
  if (problems_.empty() || (settings_.skip_bad && !first_.empty())) return;
  std::string list;
  for (std::size_t i = 0; i < std::min<std::size_t>(problems_.size(), 10); ++i) list += "\n  " + problems_[i];
  if (problems_.size() > 10) list += text("\n  and ", problems_.size() - 10, " more");
  fail("pictures: given ", folder_.string(), ", where ", problems_.size(), " of ", files_,
       " files cannot be decoded, expected only pictures, remove them or leave them out with --set "
       "skip_bad=true:",
       list);
}

std::string Scan::left_out() const {
  if (problems_.empty()) return "";
  std::string list;
  for (const std::string& problem : problems_) list += "\n  left out: " + problem;
  return list;
}

// Returns "cat 120, dog 130", or the smallest and the largest of many classes.
std::string counts_of(const std::vector<std::string>& classes, const Dataset& data) {
  std::vector<Index> counts(classes.size());
  for (const ImageSet* const set : {&data.train, &data.test})
    for (const std::int32_t label : set->labels) ++counts[std::size_t(label)];
  constexpr std::size_t most = 12;
  std::string list;
  for (std::size_t c = 0; c < classes.size() && classes.size() <= most; ++c)
    list += text(c == 0 ? "" : ", ", classes[c], " ", counts[c]);
  if (!list.empty()) return list;
  const auto [least, largest] = std::minmax_element(counts.begin(), counts.end());
  return text("from ", classes[std::size_t(least - counts.begin())], " ", *least, " to ",
              classes[std::size_t(largest - counts.begin())], " ", *largest);
}

std::string rounded(const std::vector<double>& values) {
  std::string list;
  for (const double value : values) list += (list.empty() ? "" : ", ") + format_fixed(value, 4);
  return list;
}

std::string note_of(const Dataset& data, const PictureFiles& files, const Scan& scan) {
  const DatasetInfo& info = data.info;
  return text("pictures: ", info.classes.size(), " classes (", counts_of(info.classes, data), ") of ",
              info.height, " x ", info.width, " pixels in ", info.channels == 1 ? "grey" : "colour", "; ",
              data.train.count - Index(data.valid.size()), " to train",
              data.valid.empty() ? ", a tenth of which is drawn to validate"
                                 : text(", ", data.valid.size(), " to validate"),
              ", ", data.test.count, " to test", files.drawn_test ? " (drawn by their names)" : "", "; mean ",
              rounded(info.mean), ", deviation ", rounded(info.deviation),
              data.train.read ? "; read at every step" : "", scan.left_out());
}

}  // namespace

Dataset load_pictures(const fs::path& folder, const PictureSettings& settings) {
  const PictureFiles files = find_pictures(folder, parse_classes(settings.classes));
  Scan scan(folder, settings, files.train.size() + files.valid.size() + files.test.size());
  Scan::Part train, test;
  scan.append(files.train, train, true);
  const Index trained = train.set.count;
  scan.append(files.valid, train, false);
  scan.end(train);
  scan.append(files.test, test, false);
  scan.end(test);
  scan.require_good();
  require(test.set.count > 0, "pictures: given ", folder.string(),
          ", where no picture is left to test, expected some, add some to test/ or to the classes");
  Dataset data{.train = {}, .test = {}, .source = folder, .info = scan.info(files.classes)};
  scan.settle(train, data.info);
  scan.settle(test, data.info);
  data.train = std::move(train.set);
  data.test = std::move(test.set);
  require_every_class(folder.string(), files.classes,
                      {data.train.labels.begin(), data.train.labels.begin() + trained});
  for (Index row = trained; row < data.train.count; ++row) data.valid.push_back(row);
  data.digest = scan.digest();
  data.note = note_of(data, files, scan);
  return data;
}

DatasetInfo picture_info(const PictureSettings& settings) {
  const PictureSize size = parse_size(settings.size);
  const Index channels = settings.colours == "grey" ? 1 : 3;
  const DatasetInfo info{.name = "folder",
                         .channels = channels,
                         .height = size.height,
                         .width = size.width,
                         .classes = parse_classes(settings.classes),
                         .mean = parse_numbers("mean", settings.mean, channels),
                         .deviation = parse_numbers("deviation", settings.deviation, channels),
                         .cropped = true};
  require(size.height > 0 && settings.colours != "auto" && info.classes.size() >= 2 && !info.mean.empty() &&
              !info.deviation.empty(),
          "pictures: given settings without size, colours, classes, mean or deviation, expected all of them "
          "as a run records them, use the checkpoint of a run");
  return info;
}

PictureSettings with_properties(PictureSettings settings, const DatasetInfo& info) {
  settings.size = text(info.height, "x", info.width);
  settings.colours = info.channels == 1 ? "grey" : "rgb";
  settings.classes = written_classes(info.classes);
  settings.mean = written_numbers(info.mean);
  settings.deviation = written_numbers(info.deviation);
  return settings;
}

}  // namespace stillpoint
