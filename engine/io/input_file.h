// Files that are open for reading: regular ones only, whole or line by line.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "engine/io/descriptor.h"

namespace stillpoint {

using Bytes = std::span<const std::byte>;

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

// Throws MachineError: "where: cannot ACTION 'path': what errno `code` means; what to do about it".
[[noreturn]] void fail_on_file(const std::string& where, const char* action,
                               const std::filesystem::path& path, int code);

// Throws Error if the open file is not a regular one.
void require_regular_file(const std::string& where, const std::filesystem::path& path, int descriptor);

// A file that is open for reading. Move-only.
class InputFile {
 public:
  enum class Kinds { regular, pipes_of_the_caller };

  // Throws Error, in the name of `where`, if the file is missing, a folder, a pipe, a socket or a device,
  // none of which is opened, or if it claims a size that it hardly holds any bytes of. A pipe that the caller
  // hands over as a descriptor (/dev/stdin, /dev/fd/63) may be allowed.
  explicit InputFile(const std::filesystem::path& path, std::string where = "read_file",
                     Kinds kinds = Kinds::regular);

  const std::filesystem::path& path() const { return path_; }
  int descriptor() const { return fd_; }
  int release() { return fd_.release(); }  // the descriptor, which is the caller's to close from now on
  std::uint64_t size() const { return size_; }
  // The next bytes, as many as there are up to `count`; 0 at the end.
  std::size_t read(void* to, std::size_t count);
  void skip(std::uint64_t count);
  // All of the bytes from `at` on, wherever read() is. Error if there are fewer.
  void read_at(std::uint64_t at, void* to, std::size_t count) const;
  std::string head() const;  // the first 512 bytes, or all of a shorter file

 private:
  std::size_t read_some(std::uint64_t at, void* to, std::size_t count) const;

  std::filesystem::path path_;
  std::string where_;
  Descriptor fd_;
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

}  // namespace stillpoint
