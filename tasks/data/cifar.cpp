// Reads CIFAR-10's records from files or, through libarchive, from an archive.
#include "tasks/data/cifar.h"

#include <exception>
#include <map>
#include <memory>

#include "engine/io/file_kind.h"
#include "engine/io/input_file.h"
#include "kernels/device/error.h"
#if STILLPOINT_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>

#include "tasks/data/gzip_file.h"
#endif

namespace stillpoint {
namespace {

constexpr std::size_t pixels = 3 * 32 * 32, record = 1 + pixels;

void check_size(const std::string& file, std::uint64_t size, Index records) {
  require(size == std::uint64_t(records) * record, "cifar: given ", file, " with ", size, " bytes, expected ",
          std::uint64_t(records) * record, " (", records, " images), fetch the file again");
}

// Appends the records of a whole file, whose size is checked already.
void append(const std::string& file, const std::vector<char>& bytes, ImageSet& set) {
  for (std::size_t at = 0; at < bytes.size(); at += record) {
    const int label = std::uint8_t(bytes[at]);
    require(label <= 9, "cifar: given label ", label, " of image ", at / record, " in ", file,
            ", expected 0 to 9, fetch the file again");
    set.labels.push_back(label);
    const auto* const first = reinterpret_cast<const std::uint8_t*>(bytes.data() + at + 1);
    set.pixels.insert(set.pixels.end(), first, first + pixels);
    ++set.count;
  }
}

ImageSet empty_set() {
  return {.count = 0, .channels = 3, .height = 32, .width = 32, .pixels = {}, .labels = {}};
}

void append_file(const std::filesystem::path& path, Index records, ImageSet& set) {
  const InputFile file(path, "cifar");
  const std::uint64_t size = file.size();
  if (size != std::uint64_t(records) * record)
    refuse_other_kind("cifar", path, file.head(), "a batch of the binary version");
  check_size(path.string(), size, records);
  std::vector<char> bytes(size);
  file.read_at(0, bytes.data(), size);
  append(path.string(), bytes, set);
}

#if STILLPOINT_LIBARCHIVE

class Archive {
 public:
  explicit Archive(const std::filesystem::path& path)
      : name_(path.string()), file_("cifar", path), handle_(archive_read_new()) {
    require(handle_ != nullptr,
            "cifar: no memory for an archive reader, expected some, close other programs");
    if (file_kind(file_.head()) != "a tar archive")
      refuse_other_kind("cifar", path, file_.head(), "a .tar or .tar.gz");
    archive_read_support_format_tar(handle_.get());
    const int code = archive_read_open(handle_.get(), this, nullptr, &next_piece, nullptr);
    require_good(code == ARCHIVE_OK, "cifar: given ", name_,
                 ", expected a .tar or .tar.gz that can be read (", message(), "), check the path");
  }

  // Returns the batches by file name.
  std::map<std::string, std::vector<char>> batches(Index records) {
    std::map<std::string, std::vector<char>> found;
    archive_entry* entry = nullptr;
    for (int code; (code = archive_read_next_header(handle_.get(), &entry)) != ARCHIVE_EOF;) {
      require_good(code >= ARCHIVE_WARN, "cifar: given ", name_, ", damaged (", message(),
                   "), expected a whole .tar or .tar.gz, fetch the file again");
      const char* const path = archive_entry_pathname(entry);
      const std::string file = path == nullptr ? "" : std::filesystem::path(path).filename().string();
      if (!wanted(file) || archive_entry_filetype(entry) != AE_IFREG) continue;
      require(!found.contains(file), "cifar: given ", name_, " with two files ", file,
              ", expected one, take another");
      found[file] = contents(entry, file, records);
    }
    while (file_.read(piece_.data(), piece_.size()) > 0) {
    }  // reads on to the checksum, which comes after the end of the archive
    return found;
  }

 private:
  static bool wanted(const std::string& file) {
    for (const auto* files : {&cifar_train_files(), &cifar_test_files()})
      for (const std::string& name : *files)
        if (file == name) return true;
    return false;
  }

  std::vector<char> contents(archive_entry* entry, const std::string& file, Index records) {
    const auto size = std::uint64_t(archive_entry_size(entry));
    check_size(file + " in " + name_, size, records);
    std::vector<char> bytes(size);
    std::size_t got = 0;
    while (got < size) {
      const la_ssize_t n = archive_read_data(handle_.get(), bytes.data() + got, size - got);
      require_good(n > 0, "cifar: given ", name_, ", which ends after ", got, " bytes of ", file, " (",
                   n < 0 ? message() : "end of data", "), expected ", size, ", fetch the file again");
      got += std::size_t(n);
    }
    return bytes;
  }

  // libarchive calls this; no exception may pass through it.
  static la_ssize_t next_piece(archive*, void* self, const void** bytes) noexcept {
    auto& archive = *static_cast<Archive*>(self);
    try {
      *bytes = archive.piece_.data();
      return la_ssize_t(archive.file_.read(archive.piece_.data(), archive.piece_.size()));
    } catch (...) {
      archive.error_ = std::current_exception();
      return -1;
    }
  }

  // An error from reading the file takes precedence.
  template <class... Args>
  void require_good(bool condition, const Args&... args) const {
    if (error_) std::rethrow_exception(error_);
    require(condition, args...);
  }

  std::string message() const {
    const char* const said = archive_error_string(handle_.get());
    return said == nullptr ? "no reason given" : said;
  }

  struct Free {
    void operator()(archive* handle) const { archive_read_free(handle); }
  };
  std::string name_;
  GzipFile file_;
  std::vector<char> piece_ = std::vector<char>(1 << 16);
  std::exception_ptr error_;  // from reading the file
  std::unique_ptr<archive, Free> handle_;
};

#endif

}  // namespace

const std::vector<std::string>& cifar_train_files() {
  static const std::vector<std::string> files{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                              "data_batch_4.bin", "data_batch_5.bin"};
  return files;
}

const std::vector<std::string>& cifar_test_files() {
  static const std::vector<std::string> files{"test_batch.bin"};
  return files;
}

CifarSets read_cifar_folder(const std::filesystem::path& folder, Index records) {
  CifarSets sets{empty_set(), empty_set()};
  for (const std::string& file : cifar_train_files()) append_file(folder / file, records, sets.train);
  for (const std::string& file : cifar_test_files()) append_file(folder / file, records, sets.test);
  return sets;
}

CifarSets read_cifar_archive(const std::filesystem::path& archive, [[maybe_unused]] Index records) {
#if STILLPOINT_LIBARCHIVE
  std::map<std::string, std::vector<char>> batches = Archive(archive).batches(records);
  CifarSets sets{empty_set(), empty_set()};
  const auto take = [&](const std::vector<std::string>& files, ImageSet& set) {
    for (const std::string& file : files) {
      require(batches.contains(file), "cifar: given ", archive.string(), " without ", file,
              ", expected the archive of the binary version, fetch the file again");
      append(file + " in " + archive.string(), batches.extract(file).mapped(), set);
    }
  };
  take(cifar_train_files(), sets.train);
  take(cifar_test_files(), sets.test);
  return sets;
#else
  fail("cifar: given the archive ", archive.string(),
       ", expected a folder, since this program was built without "
       "libarchive; unpack it, or install libarchive-dev and build again");
#endif
}

}  // namespace stillpoint
