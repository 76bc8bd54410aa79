// Tests the readers of the data sets' formats: a reader returns what was written, and reports every kind of
// damage as an Error that says what is wrong and where.
#include <cstring>

#include "engine/config.h"
#include "engine/io/file_kind.h"
#include "engine/io/safetensors.h"
#include "tasks/data/cifar.h"
#include "tasks/data/gzip_file.h"
#include "tasks/data/idx.h"
#include "tasks/data/svhn.h"
#include "tasks/io/image.h"
#include "tests/support/catch.h"
#include "tests/support/data_files.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

using test::check_equal;
using test::sample_images;
using test::TempDir;
using test::write_bytes;

// Returns whether read() throws an Error. If it throws none, its result must equal `set`.
template <class Read>
bool check_equal_or_refused(const ImageSet& set, Read read) {
  try {
    check_equal(read(), set);
    return false;
  } catch (const Error&) {
    return true;
  }
}

struct IdxPair {
  TempDir dir;
  std::filesystem::path images = dir / "images", labels = dir / "labels";
  ImageSet set = sample_images(13, 1, 2, 3);
  std::string image_bytes = idx_images(set), label_bytes = idx_labels(set);

  IdxPair() {
    write_bytes(images, image_bytes);
    write_bytes(labels, label_bytes);
  }
  ImageSet read() const { return read_idx(images, labels, 2, 3); }
  std::string error() const {
    return error_text([&] { read(); });
  }
};

}  // namespace

TEST_CASE("idx: the bytes are those of the format", "[data][idx]") {
  const ImageSet set{2, 1, 1, 3, {1, 2, 3, 253, 254, 255}, {7, 9}};
  using namespace std::string_literals;
  CHECK(idx_images(set) == "\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03\x01\x02\x03\xfd\xfe\xff"s);
  CHECK(idx_labels(set) == "\0\0\x08\x01\0\0\0\x02\x07\x09"s);
}

TEST_CASE("idx: plain and gzipped files are read alike", "[data][idx]") {
  const IdxPair pair;
  check_equal(pair.read(), pair.set);
  test::write_gzip(pair.images, pair.image_bytes);
  test::write_gzip(pair.labels, pair.label_bytes);
  check_equal(pair.read(), pair.set);
}

TEST_CASE("idx: a plain file cut at any byte is refused with both counts", "[data][idx]") {
  const IdxPair pair;
  for (const auto& [path, bytes, header] :
       {std::tuple{pair.images, pair.image_bytes, 16}, std::tuple{pair.labels, pair.label_bytes, 8}}) {
    write_bytes(path, "");
    REQUIRE_THAT(pair.error(), mentions(path.string(), "which is empty"));
    for (std::size_t n = 1; n < bytes.size(); ++n) {
      write_bytes(path, bytes.substr(0, n));
      const std::size_t expected = int(n) < header ? std::size_t(header) : bytes.size();
      REQUIRE_THAT(pair.error(), mentions(path.string(), text("with ", n, " bytes, expected ", expected,
                                                              ", fetch the file again")));
    }
    write_bytes(path, bytes + "x");
    REQUIRE_THAT(pair.error(),
                 mentions(path.string(), text("more than ", bytes.size(), " bytes, expected ")));
    write_bytes(path, bytes);
  }
  check_equal(pair.read(), pair.set);
}

TEST_CASE("idx: a gzipped file cut at any byte or with any bit changed is refused", "[data][idx]") {
  const IdxPair pair;
  test::write_gzip(pair.images, pair.image_bytes);
  const std::string packed = read_file(pair.images);
  for (std::size_t n = 1; n < packed.size(); ++n) {
    write_bytes(pair.images, packed.substr(0, n));
    REQUIRE_THAT(pair.error(), mentions(pair.images.string(), "bytes", "fetch the file again"));
  }
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < 8 * packed.size(); ++bit) {
    std::string changed = packed;
    changed[bit / 8] = char(changed[bit / 8] ^ 1 << bit % 8);
    write_bytes(pair.images, changed);
    refused += check_equal_or_refused(pair.set, [&] { return pair.read(); });
  }
  CHECK(refused + 8 * 7 > 8 * packed.size());  // gzip's time, system and one flag have no meaning here
}

TEST_CASE("gzip: a file of any length that lacks its end or checksum is refused", "[data][gzip]") {
  const TempDir dir;
  const std::filesystem::path path = dir / "f.gz";
  const auto read = [&](std::size_t least) {
    GzipFile file("test", path);
    std::string bytes(least, '\0');
    bytes.resize(file.read(bytes.data(), least));
    char more = 0;
    while (file.read(&more, 1) == 1) bytes += more;
    return bytes;
  };
  std::uint32_t random = 1;
  for (const std::size_t size : {0, 1, 5000, 66'000, 300'000}) {  // shorter and longer than every buffer
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += char((random = random * 1664525 + 1013904223) >> 24);
    test::write_gzip(path, bytes);
    const std::string packed = read_file(path);
    REQUIRE(read(size) == bytes);
    for (std::size_t cut = 1; cut <= 24 && cut + 2 <= packed.size(); ++cut) {
      write_bytes(path, packed.substr(0, packed.size() - cut));
      INFO(size << " bytes without the last " << cut);
      REQUIRE_THAT(error_text([&] { read(size); }), mentions(path.string(), "before its checksum"));
    }
    for (std::size_t bit = 8 * (packed.size() - 8); bit < 8 * packed.size(); ++bit) {
      std::string changed = packed;
      changed[bit / 8] = char(changed[bit / 8] ^ 1 << bit % 8);
      write_bytes(path, changed);
      REQUIRE_THAT(error_text([&] { read(size); }), mentions(path.string(), "incorrect"));
    }
    write_bytes(path, packed + packed);
    REQUIRE(read(size) == bytes + bytes);
    write_bytes(path, packed + packed.substr(0, packed.size() - 1));
    REQUIRE_THAT(error_text([&] { read(size); }), mentions("before its checksum"));
    for (const std::string& end : {std::string(1, '\0'), std::string("\x1fx"), std::string("junk")}) {
      write_bytes(path, packed + end);
      REQUIRE_THAT(error_text([&] { read(size); }), mentions(path.string(), "expected"));
    }
  }
}

TEST_CASE("data files of another kind are called by its name", "[data]") {
  const TempDir dir;
  const std::filesystem::path path = dir / "f";
  using namespace std::string_literals;
  const std::pair<std::string, const char*> kinds[] = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9912422\n", "`git lfs pull`"},
      {"\xef\xbb\xbf\n <!DOCTYPE HTML><html>", "a web page"},
      {"", "which is empty"},
      {"PK\x03\x04"s, "a zip archive"},
      {"\x89PNG\r\n\x1a\n"s, "a PNG picture"},
      {"\x80\x02}q\x00"s, "a Python pickle"}};
  for (const auto& [bytes, words] : kinds) {
    const std::string padded = bytes.empty() ? bytes : bytes + std::string(200, ' ');
    write_bytes(path, padded);
    CHECK_THAT(error_text([&] { read_idx(path, path, 2, 3); }), mentions(path.string(), words));
    CHECK_THAT(error_text([&] { read_json_file(path); }), mentions(path.string(), words));
    CHECK_THAT(error_text([&] { SafetensorsFile file(path); }), mentions(path.string(), words));
    CHECK_THAT(error_text([&] { read_image(path); }),
               mentions(path.string(), std::string(words) == "a PNG picture" ? "corrupt" : words));
#if STILLPOINT_LIBARCHIVE
    CHECK_THAT(error_text([&] { read_cifar_archive(path); }), mentions(path.string(), words));
#endif
#if STILLPOINT_MATIO
    CHECK_THAT(error_text([&] { read_svhn(path); }), mentions(path.string(), words));
#endif
    for (const std::string& name : cifar_train_files()) write_bytes(dir / name, padded);
    CHECK_THAT(error_text([&] { read_cifar_folder(dir.path()); }), mentions("data_batch_1.bin", words));
  }
  test::write_gzip(path, kinds[0].first);
  CHECK_THAT(error_text([&] { read_idx(path, path, 2, 3); }), mentions(path.string(), kinds[0].second));
  CHECK(file_kind("\0\0\x08\x03"s).empty());
}

TEST_CASE("idx: numbers that do not fit are refused", "[data][idx]") {
  const auto image_error = [](const std::string& bytes) {
    const IdxPair pair;
    write_bytes(pair.images, bytes);
    return pair.error();
  };
  const IdxPair good;
  CHECK_THAT(image_error(good.label_bytes + std::string(8, '\0')),
             mentions("magic number 2049, expected 2051"));
  CHECK_THAT(image_error(idx_images(sample_images(13, 1, 3, 2))), mentions("3 x 2", "expected 2 x 3"));
  CHECK_THAT(image_error(idx_images(sample_images(12, 1, 2, 3))), mentions("13 labels in", "12 images in"));

  const IdxPair pair;
  write_bytes(pair.labels, pair.image_bytes);
  CHECK_THAT(pair.error(), mentions("labels", "magic number 2051, expected 2049"));
  std::string bad = pair.label_bytes;
  bad[8 + 5] = 10;
  write_bytes(pair.labels, bad);
  CHECK_THAT(pair.error(), mentions("label 10 of image 5", "expected 0 to 9"));
  const ImageSet none = sample_images(0, 1, 2, 3);
  write_bytes(pair.images, idx_images(none));
  write_bytes(pair.labels, idx_labels(none));
  CHECK_THAT(pair.error(), mentions("given 0 images", "expected 1 to 10000000"));

  const auto with_count = [&](const std::string& count) {
    write_bytes(pair.images, std::string(pair.image_bytes).replace(4, 4, count));
    write_bytes(pair.labels, std::string(pair.label_bytes).replace(4, 4, count));
    return pair.error();
  };
  CHECK_THAT(with_count("\xff\xff\xff\xff"), mentions("given 4294967295 images", "expected 1 to 10000000"));
  // The header claims ten million images. The file's size refutes it before memory is taken for them.
  CHECK_THAT(with_count({'\0', '\x98', '\x96', '\x80'}), mentions("with 21 bytes, expected 10000008"));
  CHECK_THAT(error_text([&] { read_idx(pair.dir / "absent", pair.labels, 2, 3); }),
             mentions("absent", "No such file"));
}

namespace {

// Holds 3 images in each of the six files.
struct CifarFolder {
  TempDir dir;
  ImageSet train = sample_images(15, 3, 32, 32), test = sample_images(3, 3, 32, 32);
  std::vector<std::pair<std::string, std::string>> files;

  CifarFolder() {
    for (Index i = 0; i < 5; ++i)
      files.emplace_back(cifar_train_files()[std::size_t(i)], test::cifar_records(train, 3 * i, 3 * i + 3));
    files.emplace_back("test_batch.bin", test::cifar_records(test, 0, 3));
    for (const auto& [name, bytes] : files) write_bytes(dir / name, bytes);
  }
  void check(const CifarSets& sets) const {
    check_equal(sets.train, train);
    check_equal(sets.test, test);
  }
};

}  // namespace

TEST_CASE("cifar: a folder is read; cut, long and mislabelled files are refused", "[data][cifar]") {
  const CifarFolder folder;
  folder.check(read_cifar_folder(folder.dir.path(), 3));
  const auto error = [&] { return error_text([&] { read_cifar_folder(folder.dir.path(), 3); }); };
  const auto& [name, bytes] = folder.files[2];
  for (std::size_t n = 1; n < bytes.size() + 2; n += n < 8 || n > bytes.size() - 8 ? 1 : 97) {
    if (n == bytes.size()) continue;
    write_bytes(folder.dir / name, (bytes + "x").substr(0, n));
    REQUIRE_THAT(error(), mentions("data_batch_3.bin", text("with ", n, " bytes, expected 9219 (3 images)")));
  }
  std::string bad = bytes;
  bad[2 * 3073] = 10;
  write_bytes(folder.dir / name, bad);
  CHECK_THAT(error(), mentions("label 10 of image 2 in", "data_batch_3.bin", "expected 0 to 9"));
  std::filesystem::remove(folder.dir / name);
  CHECK_THAT(error(), mentions("data_batch_3.bin", "No such file"));
}

#if STILLPOINT_LIBARCHIVE
TEST_CASE("cifar: the archive is read without unpacking it", "[data][cifar]") {
  const CifarFolder folder;
  const std::filesystem::path path = folder.dir / "a.tar.gz";
  std::vector<test::ArchiveFile> files{{"cifar-10-batches-bin/readme.html", "words"}};
  for (const auto& [name, bytes] : folder.files) files.push_back({"cifar-10-batches-bin/" + name, bytes});
  test::write_tar_gz(path, files);
  const auto before = folder.dir.names();
  folder.check(read_cifar_archive(path, 3));
  CHECK(folder.dir.names() == before);

  const auto error = [&] { return error_text([&] { read_cifar_archive(path, 3); }); };
  const std::string packed = read_file(path);
  for (std::size_t n = 0; n < packed.size(); n += n < 64 || n + 64 > packed.size() ? 1 : 41) {
    INFO(n);
    write_bytes(path, packed.substr(0, n));
    REQUIRE_THAT(error(), mentions(path.string(), "expected"));
  }
  for (std::size_t bit = 8 * (packed.size() - 8); bit < 8 * packed.size(); ++bit) {  // checksum, length
    std::string changed = packed;
    changed[bit / 8] = char(changed[bit / 8] ^ 1 << bit % 8);
    write_bytes(path, changed);
    REQUIRE_THAT(error(), mentions(path.string(), "incorrect"));
  }
  write_bytes(path, packed + "junk");
  CHECK_THAT(error(), mentions(path.string(), "behind its gzip data"));
  files.back().bytes += "x";
  test::write_tar_gz(path, files);
  CHECK_THAT(error(), mentions("test_batch.bin in " + path.string(), "with 9220 bytes, expected 9219"));
  files.back() = files[1];
  test::write_tar_gz(path, files);
  CHECK_THAT(error(), mentions("two files data_batch_1.bin", "expected one"));
  files.pop_back();
  test::write_tar_gz(path, files);
  CHECK_THAT(error(), mentions("without test_batch.bin", "binary version"));
  files.push_back({"x/test_batch.bin", std::string(9219, '\x0b')});
  test::write_tar_gz(path, files);
  CHECK_THAT(error(), mentions("label 11 of image 0 in test_batch.bin"));
}
#else
TEST_CASE("cifar: without libarchive an archive is refused with the package's name", "[data][cifar]") {
  CHECK_THAT(error_text([] { read_cifar_archive("a.tar.gz"); }), mentions("a.tar.gz", "libarchive-dev"));
}
#endif

#if STILLPOINT_MATIO
TEST_CASE("svhn: columns become rows and label 10 digit 0, compressed or not", "[data][svhn]") {
  const TempDir dir;
  const ImageSet set = sample_images(12, 3, 5, 5);
  for (const bool compressed : {true, false})
    for (const bool doubles : {true, false}) {
      test::write_svhn(dir / "d.mat", set, {.compressed = compressed, .label_doubles = doubles});
      check_equal(read_svhn(dir / "d.mat", 5), set);
    }
}

TEST_CASE("svhn: doubles that are stored as bytes, as MATLAB does, are read", "[data][svhn]") {
  const TempDir dir;
  const std::filesystem::path path = dir / "d.mat";
  const ImageSet set = sample_images(12, 3, 5, 5);
  test::write_svhn(path, set, {.compressed = false});
  std::string bytes = read_file(path);
  std::uint32_t x_bytes = 0;
  std::memcpy(&x_bytes, bytes.data() + 128 + 4, 4);
  char& y_class = bytes[128 + 8 + x_bytes + 8 + 8];
  REQUIRE(y_class == 9);
  y_class = 6;
  write_bytes(path, bytes);
  check_equal(read_svhn(path, 5), set);
}

TEST_CASE("svhn: a file cut or changed at any byte is refused or read, and never believed", "[data][svhn]") {
  const TempDir dir;
  const std::filesystem::path path = dir / "d.mat";
  const ImageSet set = sample_images(11, 3, 2, 2);
  for (const bool compressed : {true, false}) {
    test::write_svhn(path, set, {.compressed = compressed});
    const std::string whole = read_file(path);
    for (std::size_t n = 1; n < whole.size(); ++n) {
      INFO(compressed << " cut at " << n << " of " << whole.size());
      write_bytes(path, whole.substr(0, n));
      const std::string message = error_text([&] { read_svhn(path, 2); });
      const bool counts = test::contains(message, text("with ", n, " bytes, expected at least "));
      const bool ends_between =
          test::contains(message, "arrays (") && test::contains(message, "expected only X and y");
      REQUIRE((counts || ends_between));
    }
    for (std::size_t n = 0; n < whole.size(); ++n)
      for (int bit = 0; bit < 8; ++bit) {
        std::string changed = whole;
        changed[n] = char(changed[n] ^ 1 << bit);
        write_bytes(path, changed);
        const auto read = [&] { return read_svhn(path, 2); };
        if (compressed) {  // zlib's checksum finds the bit
          check_equal_or_refused(set, read);
        } else {
          test::error_of([&] { read(); });  // a changed pixel is not an error
        }
      }
  }
}

TEST_CASE("svhn: other arrays, sizes, versions and labels are refused", "[data][svhn]") {
  const TempDir dir;
  const std::filesystem::path path = dir / "d.mat";
  const ImageSet set = sample_images(12, 3, 5, 5);
  const auto error = [&](const ImageSet& images, const test::MatOptions& options) {
    test::write_svhn(path, images, options);
    return error_text([&] { read_svhn(path, 5); });
  };
  CHECK_THAT(error(set, {.x_name = "Z"}), mentions("('Z', 'y')", "expected only X and y"));
  CHECK_THAT(error(set, {.extra = "z"}), mentions("3 arrays ('X', 'y', 'z')"));
  CHECK_THAT(error(sample_images(12, 3, 5, 6), {}), mentions("X of 5 x 6 x 3 x 12", "5 x 5 x 3 x n"));
  CHECK_THAT(error(sample_images(12, 4, 5, 5), {}), mentions("X of 5 x 5 x 4 x 12"));
  CHECK_THAT(error(set, {.complex_x = true}), mentions(path.string(), "expected"));
  CHECK_THAT(error(set, {.cells = true}), mentions("an array of class 1"));
  CHECK_THAT(error(set, {.labels = {1, 2, 3}}), mentions("y of 3 x 1", "12 x 1"));
  std::vector<int> labels(12, 4);
  for (const int bad : {0, 11}) {
    labels[7] = bad;
    CHECK_THAT(error(set, {.labels = labels}),
               mentions(text("label ", bad, " of image 7"), "expected 1 to 10"));
  }
  test::write_svhn(path, set);
  std::string bytes = read_file(path);
  write_bytes(path, std::string(bytes).replace(7, 3, "7.3"));
  CHECK_THAT(error_text([&] { read_svhn(path, 5); }), mentions("version 7.3", "expected version 5"));
  write_bytes(path, std::string(bytes).replace(124, 4, {'\1', '\0', 'M', 'I'}));
  CHECK_THAT(error_text([&] { read_svhn(path, 5); }), mentions("little-endian"));
  write_bytes(path, std::string(bytes).replace(0, 6, "matlab"));
  CHECK_THAT(error_text([&] { read_svhn(path, 5); }), mentions("does not begin as a MATLAB file"));
  CHECK_THAT(error_text([&] { read_svhn(dir / "absent", 5); }), mentions("absent", "No such file"));
}
#else
TEST_CASE("svhn: without matio a file is refused with the package's name", "[data][svhn]") {
  CHECK_THAT(error_text([] { read_svhn("train_32x32.mat"); }), mentions("train_32x32.mat", "libmatio-dev"));
}
#endif

}  // namespace stillpoint
