// Implements files in memory and mutation inside gzip.
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace stillpoint::fuzz {
namespace {

constexpr std::size_t largest_unpacked = 1 << 16;
constexpr int gzip_window = 15 + 16;  // zlib's code for gzip instead of zlib

std::vector<std::uint8_t> unpacked(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> out(largest_unpacked);
  z_stream stream{};
  demand(inflateInit2(&stream, gzip_window) == Z_OK);
  stream.next_in = const_cast<std::uint8_t*>(data);
  stream.avail_in = unsigned(size);
  stream.next_out = out.data();
  stream.avail_out = unsigned(out.size());
  inflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

// Returns nothing if the packed bytes do not fit.
std::vector<std::uint8_t> packed(const std::vector<std::uint8_t>& bytes, std::size_t max_size) {
  std::vector<std::uint8_t> out(max_size);
  z_stream stream{};
  demand(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  stream.next_in = const_cast<std::uint8_t*>(bytes.data());
  stream.avail_in = unsigned(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = unsigned(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? out.size() - stream.avail_out : 0);
  deflateEnd(&stream);
  return out;
}

}  // namespace

void demand(bool holds) {
  if (!holds) std::abort();
}

MemoryFile::MemoryFile() : fd_(::memfd_create("input", MFD_CLOEXEC)) { demand(fd_ >= 0); }
MemoryFile::~MemoryFile() { ::close(fd_); }

std::filesystem::path MemoryFile::with(std::string_view bytes) {
  demand(::ftruncate(fd_, 0) == 0);
  demand(::pwrite(fd_, bytes.data(), bytes.size(), 0) == ssize_t(bytes.size()));
  return text("/proc/self/fd/", fd_);
}

std::size_t mutate_unpacked(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  std::vector<std::uint8_t> bytes = unpacked(data, size);
  if (bytes.empty() || seed % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::size_t before = bytes.size();
  bytes.resize(largest_unpacked);
  bytes.resize(LLVMFuzzerMutate(bytes.data(), before, bytes.size()));
  const std::vector<std::uint8_t> out = packed(bytes, max_size);
  if (out.empty()) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(out.begin(), out.end(), data);
  return out.size();
}

}  // namespace stillpoint::fuzz
