// Reads files that may be gzipped, from the first byte to the last.
#pragma once
#include <zlib.h>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/io/input_file.h"

namespace stillpoint {

// Reads a file as it is, or unpacks it if it begins as gzip: one member after the other, each checked against
// its checksum and length. Errors begin with `where`.
class GzipFile {
 public:
  GzipFile(std::string_view where, const std::filesystem::path& path);
  ~GzipFile();
  GzipFile(const GzipFile&) = delete;
  GzipFile& operator=(const GzipFile&) = delete;

  // Reads up to `size` bytes; fewer only at the end. A gzip file ends after the checksum and length of its
  // last member. Throws Error if they are missing or wrong, or if something else follows them.
  std::size_t read(void* to, std::size_t size);

  const std::string& name() const { return name_; }
  bool packed() const { return packed_; }
  std::uint64_t position() const { return position_; }  // bytes read
  std::string_view head() const { return head_; }       // up to 512 first bytes; they do not count as read

 private:
  std::size_t fill(void* to, std::size_t size);
  std::size_t unpack(void* to, std::size_t size);
  bool next_member();
  void refill();

  std::string where_, name_;
  InputFile file_;
  std::array<unsigned char, 1 << 16> input_;
  z_stream stream_{};  // its input is the part of the file that is read and not yet used
  bool packed_ = false, in_member_ = true;
  std::uint64_t unpacked_ = 0, position_ = 0;
  std::string head_;
};

}  // namespace stillpoint
