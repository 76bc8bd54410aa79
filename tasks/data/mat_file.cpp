// Walks through the elements of a MATLAB file. Compressed ones are unpacked piece by piece, and only counted.
#include "tasks/data/mat_file.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "engine/io/file_kind.h"
#include "kernels/device/error.h"

namespace stillpoint {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read as the file has them");

constexpr std::size_t header_bytes = 128, tag_bytes = 8, head_bytes = 256, piece_bytes = 1 << 16;
constexpr int type_int8 = 1, type_int32 = 5, type_uint32 = 6, type_array = 14, type_compressed = 15;

std::uint32_t number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Returns 0 for a type that is not numeric.
std::uint64_t size_of_type(std::uint32_t type) {
  constexpr std::uint64_t sizes[] = {0, 1, 1, 2, 2, 4, 4, 4, 0, 8, 0, 0, 8, 8};
  return type < std::size(sizes) ? sizes[type] : 0;
}

std::uint64_t padded(std::uint64_t bytes) { return (bytes + 7) / 8 * 8; }

// Reads the head of one array, which has `total` bytes in the file.
class ArrayHead {
 public:
  ArrayHead(const std::string& file, std::span<const std::uint8_t> head, std::uint64_t total)
      : file_(file), head_(head), total_(total) {}

  MatArray read() {
    const Part array = next();
    demand(array.type == type_array && tag_bytes + array.bytes == total_, "an array of ",
           tag_bytes + array.bytes, " bytes, of which there are ", total_);
    MatArray out{};
    const Part flags = next();
    demand(flags.type == type_uint32 && flags.bytes == 8, "flags of type ", flags.type, " and ", flags.bytes,
           " bytes");
    const std::uint32_t word = number_at(contents(flags), 0);
    out.kind = int(word & 0xff);
    out.plain = (word & 0x0e00) == 0;
    demand(out.kind >= 6 && out.kind <= 15, "an array of class ", out.kind, " (numbers are 6 to 15)");
    read_sizes(out);
    const Part name = next();
    demand(name.type == type_int8 && name.bytes < 64, "a name of type ", name.type, " and ", name.bytes,
           " bytes");
    const auto letters = contents(name);
    out.name.assign(letters.begin(), letters.end());
    read_values(out);
    return out;
  }

 private:
  struct Part {
    std::uint32_t type, bytes;
    bool small;
  };

  template <class... Args>
  void demand(bool condition, const Args&... args) const {
    require(condition, "mat: given ", file_, " with ", args...,
            ", expected arrays of numbers as version 5 stores them, "
            "fetch the file again");
  }

  Part next() {
    demand(at_ + tag_bytes <= head_.size(), "an array that ends after ", head_.size(),
           " bytes of its description");
    const std::uint32_t word = number_at(head_, at_);
    const bool small = word >> 16 != 0;
    at_ += small ? 4 : tag_bytes;
    if (!small) return {word, number_at(head_, at_ - 4), false};
    demand(word >> 16 <= 4, "a short element of ", word >> 16, " bytes");
    return {word & 0xffff, word >> 16, true};
  }

  std::span<const std::uint8_t> contents(const Part& part) {
    const std::size_t whole = part.small ? 4 : padded(part.bytes);
    demand(part.bytes <= head_.size() && at_ + whole <= head_.size(), "an element of ", part.bytes,
           " bytes in its description");
    at_ += whole;
    return head_.subspan(at_ - whole, part.bytes);
  }

  void read_sizes(MatArray& out) {
    const Part part = next();
    demand(part.type == type_int32 && part.bytes >= 8 && part.bytes <= 32 && part.bytes % 4 == 0,
           "sizes of type ", part.type, " and ", part.bytes, " bytes");
    const auto bytes = contents(part);
    for (std::size_t i = 0; i < part.bytes; i += 4) {
      const std::uint32_t size = number_at(bytes, i);
      demand(size <= 0x7fffffff, "the size ", std::int32_t(size));
      out.sizes.push_back(size);
    }
  }

  void read_values(MatArray& out) {
    const Part part = next();
    out.type = int(part.type);
    out.bytes = part.bytes;
    std::uint64_t expected = size_of_type(part.type);
    demand(expected > 0, "values of type ", part.type, " in '", out.name, "'");
    for (const std::uint64_t size : out.sizes)
      demand(!__builtin_mul_overflow(expected, size, &expected), "sizes of '", out.name,
             "' that no memory holds");
    demand(expected == part.bytes, part.bytes, " bytes of values in '", out.name, "' (its sizes need ",
           expected, ")");
    const std::uint64_t end = at_ + (part.small ? 4 : part.bytes);
    demand(end <= total_ && total_ < end + 8, "values of '", out.name, "' that end at byte ", end, " of ",
           total_);
  }

  const std::string& file_;
  std::span<const std::uint8_t> head_;
  std::uint64_t total_;
  std::size_t at_ = 0;
};

class Walk {
 public:
  explicit Walk(InputFile& file) : name_(file.path().string()), in_(file), size_(file.size()) {}

  std::vector<MatArray> arrays() {
    check_header();
    std::vector<MatArray> out;
    while (at_ < size_) {
      expect_size(at_ + tag_bytes);
      const std::vector<std::uint8_t> tag = read(tag_bytes);
      const std::uint32_t type = number_at(tag, 0), bytes = number_at(tag, 4);
      expect_size(at_ + bytes);
      require(type == type_array || type == type_compressed, "mat: given ", name_,
              " with an element of type ", type, " at byte ", at_ - tag_bytes,
              ", expected arrays (14 or 15), save only the arrays");
      std::vector<std::uint8_t> head;
      const std::uint64_t total = type == type_array ? skip(tag, bytes, head) : unpack(bytes, head);
      out.push_back(ArrayHead(name_, head, total).read());
    }
    return out;
  }

 private:
  void check_header() {
    const std::string head = in_.head();
    if (!head.starts_with("MATLAB")) refuse_other_kind("mat", name_, head, "a MATLAB file of version 5");
    expect_size(header_bytes);
    const std::vector<std::uint8_t> header = read(header_bytes);
    const std::string kind(header.begin(), header.begin() + 19);
    require(kind != "MATLAB 7.3 MAT-file", "mat: given ", name_,
            " of version 7.3, expected version 5, save it with -v7 or fetch the published file");
    require(kind == "MATLAB 5.0 MAT-file" && header[124] == 0 && header[125] == 1 && header[126] == 'I' &&
                header[127] == 'M',
            "mat: given ", name_,
            ", which does not begin as a MATLAB file of version 5 from a little-endian machine, ",
            "expected one, fetch the published file");
  }

  void expect_size(std::uint64_t least) const {
    require(size_ >= least, "mat: given ", name_, " with ", size_, " bytes, expected at least ", least,
            ", fetch the file again");
  }

  std::vector<std::uint8_t> read(std::size_t bytes) {
    std::vector<std::uint8_t> out(bytes);
    const std::size_t got = in_.read(out.data(), bytes);
    require(got == bytes, "mat: given ", name_, " of which only ", at_ + got, " of ", size_,
            " bytes can be read, expected all, check the disk");
    at_ += bytes;
    return out;
  }

  // Skips an uncompressed array; returns its length including its tag.
  std::uint64_t skip(const std::vector<std::uint8_t>& tag, std::uint32_t bytes,
                     std::vector<std::uint8_t>& head) {
    head = read(std::min<std::size_t>(bytes, head_bytes - tag_bytes));
    in_.skip(bytes - head.size());
    at_ += bytes - head.size();
    head.insert(head.begin(), tag.begin(), tag.end());
    return tag_bytes + std::uint64_t(bytes);
  }

  // Unpacks a compressed array; returns its unpacked length.
  std::uint64_t unpack(std::uint32_t bytes, std::vector<std::uint8_t>& head) {
    struct Stream : z_stream {
      Stream() : z_stream{} {
        require(inflateInit(this) == Z_OK,
                "mat: zlib cannot start, expected memory for it, close other programs");
      }
      ~Stream() { inflateEnd(this); }
    } stream;
    std::vector<std::uint8_t> packed, unpacked(piece_bytes);
    std::uint64_t total = 0, left = bytes;
    int code = Z_OK;
    while (code != Z_STREAM_END) {
      if (stream.avail_in == 0 && left > 0) {
        packed = read(std::min<std::uint64_t>(left, piece_bytes));
        left -= packed.size();
        stream.next_in = packed.data();
        stream.avail_in = unsigned(packed.size());
      }
      stream.next_out = unpacked.data();
      stream.avail_out = unsigned(piece_bytes);
      code = inflate(&stream, Z_NO_FLUSH);
      require(code == Z_OK || code == Z_STREAM_END, "mat: given ", name_, ", damaged before byte ",
              at_ - stream.avail_in, " (",
              stream.msg != nullptr ? stream.msg : "compressed data ends too early",
              "), expected intact zlib data, fetch the file again");
      const std::size_t got = piece_bytes - stream.avail_out;
      total += got;
      head.insert(
          head.end(), unpacked.begin(),
          unpacked.begin() + std::ptrdiff_t(std::min(got, head_bytes - std::min(head.size(), head_bytes))));
      require(total <= tag_bytes + std::uint64_t(UINT32_MAX), "mat: given ", name_,
              " with an array of more than 4 GiB, expected less, fetch the file again");
    }
    require(left == 0 && stream.avail_in == 0, "mat: given ", name_, " with ", left + stream.avail_in,
            " bytes after the compressed data before byte ", at_ + left,
            ", expected none, fetch the file again");
    return total;
  }

  std::string name_;
  InputFile& in_;
  std::uint64_t size_, at_ = 0;
};

}  // namespace

std::vector<MatArray> check_mat_file(InputFile& file) { return Walk(file).arrays(); }

}  // namespace stillpoint
