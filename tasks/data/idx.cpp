// Reads IDX, plain or gzipped. Memory grows with the bytes read, not with what the header claims.
#include "tasks/data/idx.h"

#include <algorithm>
#include <array>

#include "engine/io/file_kind.h"
#include "kernels/device/error.h"
#include "tasks/data/gzip_file.h"

namespace stillpoint {
namespace {

constexpr std::uint32_t images_magic = 2051, labels_magic = 2049;
constexpr std::size_t piece = 1 << 20;             // memory grows by this many bytes
constexpr std::uint32_t most_images = 10'000'000;  // a small gzip file can unpack to any size

class IdxFile {
 public:
  explicit IdxFile(const std::filesystem::path& path) : file_("idx", path) {
    refuse_other_kind("idx", path, file_.head(), "an IDX file, gzipped or not");
  }

  std::array<std::uint32_t, 4> header(std::uint32_t magic, const char* what) {
    std::array<std::uint32_t, 4> numbers{};
    const std::size_t count = magic == images_magic ? 4 : 2;
    std::vector<std::uint8_t> bytes;
    read_to(bytes, 4 * count, 4 * count);
    for (std::size_t i = 0; i < 4 * count; ++i) numbers[i / 4] = numbers[i / 4] << 8 | bytes[i];
    require(numbers[0] == magic, "idx: given ", file_.name(), " with magic number ", numbers[0],
            ", expected ", magic, " of a file of ", what, ", take the file that its name says");
    return numbers;
  }

  // Returns the rest of the file, which must have `size` bytes.
  std::vector<std::uint8_t> rest(std::size_t size) {
    std::vector<std::uint8_t> bytes;
    const std::size_t whole = file_.position() + size;
    read_to(bytes, size, whole);
    std::uint8_t more = 0;
    require(file_.read(&more, 1) == 0, "idx: given ", file_.name(), " with more than ", whole,
            " bytes, expected ", whole, " by its header, fetch the file again");
    return bytes;
  }

 private:
  // Appends until `bytes` has `size`; an Error reports the size of the whole file.
  void read_to(std::vector<std::uint8_t>& bytes, std::size_t size, std::size_t whole) {
    while (bytes.size() < size) {
      const std::size_t before = bytes.size(), wanted = std::min(piece, size - before);
      bytes.resize(before + wanted);
      const std::size_t got = file_.read(bytes.data() + before, wanted);
      require(got == wanted, "idx: given ", file_.name(), " with ", file_.position(), " bytes",
              file_.packed() ? " unpacked" : "", ", expected ", whole, ", fetch the file again");
    }
  }

  GzipFile file_;
};

std::string big_endian(std::initializer_list<std::int64_t> numbers) {
  std::string out;
  for (const std::int64_t number : numbers)
    for (int shift = 24; shift >= 0; shift -= 8) out += char(number >> shift & 0xff);
  return out;
}

}  // namespace

std::string idx_images(const ImageSet& set) {
  return big_endian({images_magic, set.count, set.height, set.width}) +
         std::string(set.pixels.begin(), set.pixels.end());
}

std::string idx_labels(const ImageSet& set) {
  return big_endian({labels_magic, set.count}) + std::string(set.labels.begin(), set.labels.end());
}

ImageSet read_idx(const std::filesystem::path& images, const std::filesystem::path& labels, Index height,
                  Index width) {
  IdxFile image_file(images), label_file(labels);
  const auto [magic, count, rows, columns] = image_file.header(images_magic, "images");
  require(rows == height && columns == width, "idx: given ", images.string(), " with images of ", rows, " x ",
          columns, ", expected ", height, " x ", width, ", choose the data set that the file belongs to");
  const auto label_header = label_file.header(labels_magic, "labels");
  require(label_header[1] == count, "idx: given ", label_header[1], " labels in ", labels.string(), " and ",
          count, " images in ", images.string(), ", expected as many, take both from one set");
  require(count > 0 && count <= most_images, "idx: given ", count, " images in ", images.string(),
          ", expected 1 to ", most_images, ", fetch the file again");
  ImageSet set{
      .count = Index(count), .channels = 1, .height = height, .width = width, .pixels = {}, .labels = {}};
  const std::vector<std::uint8_t> bytes = label_file.rest(count);
  const auto bad = std::find_if(bytes.begin(), bytes.end(), [](std::uint8_t label) { return label > 9; });
  require(bad == bytes.end(), "idx: given label ", bad == bytes.end() ? 0 : int(*bad), " of image ",
          bad - bytes.begin(), " in ", labels.string(), ", expected 0 to 9, fetch the file again");
  set.labels.assign(bytes.begin(), bytes.end());
  set.pixels = image_file.rest(std::size_t(count) * std::size_t(height * width));
  return set;
}

}  // namespace stillpoint
