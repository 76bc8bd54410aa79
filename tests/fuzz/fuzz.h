// What the fuzz targets share: input as a file, and what a reader may do with it: give a value or throw an
// Error.
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

  // The path of a file with these bytes, until the next call.
  std::filesystem::path with(std::string_view bytes);

 private:
  int fd_;
};

// Aborts, which libFuzzer reports with the input, where a value that was read contradicts itself.
void demand(bool holds);

// Anything but an Error passes through and ends the run.
template <class F>
void allow_errors(F&& read) {
  try {
    read();
  } catch (const Error&) {
  }
}

// Mutates what a gzip file holds instead of its packed bytes, which a checksum guards; now and then those as
// well.
std::size_t mutate_unpacked(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed);

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace stillpoint::fuzz
