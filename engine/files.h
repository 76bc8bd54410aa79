// Reading whole files, and writing them so that a crash leaves either the old file or the new one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace stillpoint {

using Bytes = std::span<const std::byte>;

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

// Writes the pieces one after the other to a temporary file beside `path`, syncs it to the disk, renames it
// over `path` and syncs the folder. A symbolic link is followed; the permissions of an old file are kept.
// With `keep`, a path in the same folder, the old file stays under that name, so that at every moment one of
// the two is whole. Throws Error, with the temporary removed and the old file untouched, if any of that
// fails.
void write_atomically(const std::filesystem::path& path, std::span<const Bytes> pieces,
                      const std::filesystem::path& keep = {});
void write_atomically(const std::filesystem::path& path, std::string_view bytes);
// Removes the temporaries that writes of processes that are dead by now have left in the folder.
void remove_leftovers(const std::filesystem::path& folder);

// A file that is open for reading. Move-only.
class InputFile {
 public:
  enum class Kinds { regular, pipes_of_the_caller };

  // Throws Error, in the name of `where`, if the file is missing, a folder, a pipe, a socket or a device,
  // none of which is opened, or if it claims a size that it hardly holds any bytes of. A pipe that the caller
  // hands over as a descriptor (/dev/stdin, /dev/fd/63) may be allowed.
  explicit InputFile(const std::filesystem::path& path, const char* where = "read_file",
                     Kinds kinds = Kinds::regular);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile();

  int descriptor() const { return fd_; }
  int release();  // the descriptor, which is the caller's to close from now on
  std::uint64_t size() const { return size_; }
  // The next bytes, as many as there are up to `count`; 0 at the end.
  std::size_t read(void* to, std::size_t count);

 private:
  std::filesystem::path path_;
  const char* where_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

inline constexpr std::uint64_t any_size = ~std::uint64_t(0);

// The whole file. Throws Error if it is larger than `most`, or as InputFile does.
std::string read_file(const std::filesystem::path& path, std::uint64_t most = any_size,
                      InputFile::Kinds kinds = InputFile::Kinds::regular);

// The lines of a file one after the other, in memory that does not grow with the file.
class LineReader {
 public:
  static constexpr std::size_t longest = 1 << 20;

  explicit LineReader(const std::filesystem::path& path) : file_(path) {}
  // False at the end. The line, without its end, lives until the next call; of one that is longer than
  // `longest` it is the beginning.
  bool next(std::string_view& line);
  bool at_end();  // whether next() would return false
  // Of the line that came last: where it begins, where the next one does, and whether it has an end.
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }
  bool ended() const { return ended_; }

 private:
  bool fill();

  InputFile file_;
  std::string buffer_, line_;
  std::size_t at_ = 0;  // in the buffer
  std::uint64_t begin_ = 0, end_ = 0;
  bool ended_ = true;
};

// Makes the folder and its parents, on the disk when it returns. Throws Error if that fails or if a file has
// the name.
void make_folder(const std::filesystem::path& folder);
// The names in the folder are on the disk when it returns. Throws Error if that fails.
void sync_folder(const std::filesystem::path& folder);
// The folder that holds this path.
std::filesystem::path folder_of(const std::filesystem::path& path);

// Removes a folder that this program has made in `root`, with its contents, following no link; nothing where
// it is missing. Throws Error if it is a link, lies elsewhere, or holds something and no file `marker`.
void remove_own_folder(const std::filesystem::path& folder, const std::filesystem::path& root,
                       const std::string& marker);

// A new folder for temporary files, removed with its contents when this ends.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A file that only grows, for logs. Move-only. Every member throws Error naming the file if the system
// refuses.
class AppendFile {
 public:
  enum class Open { append, create_new };

  AppendFile(const std::filesystem::path& path, Open how);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  const std::filesystem::path& path() const { return path_; }
  // Hands the bytes to the system; after a return they survive the end of this process.
  void append(std::string_view bytes);
  // The bytes survive a power cut after a return, once the folder is synced, too.
  void sync();
  std::uint64_t size() const;
  void cut(std::uint64_t size);  // drops what comes after

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace stillpoint
