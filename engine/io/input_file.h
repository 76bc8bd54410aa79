// Files that are open for reading: only regular ones, read whole or line by line.
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

  // Throws Error, in the name of `where`, if the file is missing, or a folder, pipe, socket or device, none
  // of which it opens, or if the file claims a size but holds hardly any bytes of it. A pipe that the caller
  // hands over as a descriptor (/dev/stdin, /dev/fd/63) may be allowed.
  explicit InputFile(const std::filesystem::path& path, std::string where = "read_file",
                     Kinds kinds = Kinds::regular);

  const std::filesystem::path& path() const { return path_; }
  int descriptor() const { return fd_; }
  int release() { return fd_.release(); }  // returns the descriptor, which the caller then has to close
  std::uint64_t size() const { return size_; }
  // Reads the next bytes, up to `count`, and returns how many there were; 0 at the end.
  std::size_t read(void* to, std::size_t count);
  void skip(std::uint64_t count);
  // Reads `count` bytes from `at` on, wherever read() is. Throws Error if there are fewer.
  void read_at(std::uint64_t at, void* to, std::size_t count) const;
  std::string head() const;  // returns the first 512 bytes, or all of a shorter file

 private:
  std::size_t read_some(std::uint64_t at, void* to, std::size_t count) const;

  std::filesystem::path path_;
  std::string where_;
  Descriptor fd_;
  std::uint64_t size_ = 0;
};

inline constexpr std::uint64_t any_size = ~std::uint64_t(0);

// Returns the whole file. Throws Error if it is larger than `most`, or as InputFile does.
std::string read_file(const std::filesystem::path& path, std::uint64_t most = any_size,
                      InputFile::Kinds kinds = InputFile::Kinds::regular);

// Reads the lines of a file one after the other, in memory that does not grow with the file.
class LineReader {
 public:
  static constexpr std::size_t longest = 1 << 20;

  explicit LineReader(const std::filesystem::path& path) : file_(path) {}
  // Returns false at the end. The line, without its end, lives until the next call; if it is longer than
  // `longest`, only its beginning is returned.
  bool next(std::string_view& line);
  bool at_end();  // whether next() would return false
  // Return where the last line begins, where the next one does, and whether the last one has an end.
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
