// What the fuzz targets share: the input as a file, and what a reader may do with it: return a value or throw
// an Error.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "kernels/device/error.h"

namespace stillpoint::fuzz {

// A file in memory, for readers that take a path.
class MemoryFile {
 public:
  MemoryFile();
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // Returns the path of a file with these bytes, valid until the next call.
  std::filesystem::path with(std::string_view bytes);

 private:
  int fd_;
};

// Aborts if a value that was read contradicts itself; libFuzzer then reports the input.
void demand(bool holds);

// Lets everything except an Error pass through and end the run.
template <class F>
void allow_errors(F&& read) {
  try {
    read();
  } catch (const Error&) {
  }
}

// Mutates the contents of a gzip file instead of its packed bytes, which a checksum guards; every eighth time
// it mutates the packed bytes.
std::size_t mutate_unpacked(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed);

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace stillpoint::fuzz
