// Unpacks gzip with zlib's inflate, which checks the checksum and length of each member. gzread does not
// report missing ones.
#include "tasks/data/gzip_file.h"

#include <algorithm>
#include <cstring>

#include "kernels/device/error.h"

namespace stillpoint {
namespace {

constexpr int gzip_window = 15 + 16;  // + 16 asks zlib for the gzip format
constexpr std::size_t first_bytes = 512;

}  // namespace

GzipFile::GzipFile(std::string_view where, const std::filesystem::path& path)
    : where_(where), name_(path.string()), file_(path, where_) {
  refill();
  packed_ = stream_.avail_in >= 2 && input_[0] == 0x1f && input_[1] == 0x8b;
  require(!packed_ || inflateInit2(&stream_, gzip_window) == Z_OK, where_,
          ": zlib cannot start, expected memory for it, close other programs");
  head_.resize(first_bytes);
  try {
    head_.resize(fill(head_.data(), head_.size()));
  } catch (...) {
    inflateEnd(&stream_);
    throw;
  }
}

GzipFile::~GzipFile() { inflateEnd(&stream_); }

std::size_t GzipFile::read(void* to, std::size_t size) {
  const std::size_t at = std::min<std::size_t>(position_, head_.size());
  const std::size_t begun = std::min(size, head_.size() - at);
  std::memcpy(to, head_.data() + at, begun);
  const std::size_t count = begun + fill(static_cast<char*>(to) + begun, size - begun);
  position_ += count;
  return count;
}

std::size_t GzipFile::fill(void* to, std::size_t size) {
  std::size_t count = 0;
  while (count < size) {
    auto* const rest = static_cast<unsigned char*>(to) + count;
    if (stream_.avail_in == 0) refill();
    std::size_t got = 0;
    if (packed_) {
      if (!next_member()) break;
      got = unpack(rest, size - count);
    } else {
      got = std::min<std::size_t>(size - count, stream_.avail_in);
      if (got == 0) break;
      std::memcpy(rest, stream_.next_in, got);
      stream_.next_in += got;
      stream_.avail_in -= unsigned(got);
    }
    count += got;
  }
  return count;
}

// Returns whether there is more to unpack.
bool GzipFile::next_member() {
  if (in_member_) return true;
  if (stream_.avail_in == 0) return false;
  require(*stream_.next_in == 0x1f, where_, ": given ", name_,
          " with bytes behind its gzip data that are not gzip, expected none, fetch the file again");
  in_member_ = true;
  return inflateReset(&stream_) == Z_OK;
}

std::size_t GzipFile::unpack(void* to, std::size_t size) {
  require(stream_.avail_in > 0, where_, ": given ", name_, ", whose gzip data ends after ", unpacked_,
          " bytes unpacked and before its checksum, expected both, fetch the file again");
  stream_.next_out = static_cast<unsigned char*>(to);
  const unsigned room = unsigned(std::min<std::size_t>(size, 1u << 30));
  stream_.avail_out = room;
  const int code = inflate(&stream_, Z_NO_FLUSH);
  require(code == Z_OK || code == Z_STREAM_END, where_, ": given ", name_, ", damaged after ", unpacked_,
          " bytes unpacked (", stream_.msg != nullptr ? stream_.msg : zError(code),
          "), expected intact gzip data, fetch the file again");
  in_member_ = code != Z_STREAM_END;
  const std::size_t got = room - stream_.avail_out;
  unpacked_ += got;
  return got;
}

void GzipFile::refill() {
  const std::size_t got = file_.read(input_.data(), input_.size());
  stream_.next_in = input_.data();
  stream_.avail_in = unsigned(got);
}

}  // namespace stillpoint
