// The safetensors writer, and the reader, which refuses every file that breaks a rule of the format.
#include "engine/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <utility>

#include "engine/io/crc32c.h"
#include "engine/io/file_kind.h"
#include "kernels/device/error.h"

namespace stillpoint {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

namespace fs = std::filesystem;
using PlainJson = nlohmann::json;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeader = 100'000'000;  // the limit of the reference implementation
constexpr int kDeepest = 16;                       // printing an error recurses; the format needs 3
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kSum = "stillpoint.crc32c";
constexpr const char* kNoSum = "00000000";
constexpr std::size_t kSumDigits = 8;

// Returns prod(shape) * element_size, or -1 if a size is negative or the product does not fit.
std::int64_t byte_count(const std::vector<std::int64_t>& shape, std::int64_t element_size) {
  std::int64_t bytes = element_size;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) return -1;
  }
  return bytes;
}

std::string shape_text(const std::vector<std::int64_t>& shape) { return PlainJson(shape).dump(); }

void check_entry(const fs::path& path, const SafetensorsEntry& e, std::set<std::string_view>& seen) {
  const std::string where = text("save_safetensors '", path.string(), "': entry '", e.name, "' ");
  require(e.name != kMetadata, where, "has the name reserved for the metadata; choose another name");
  require(seen.insert(e.name).second, where, "occurs twice, expected unique names; rename one of them");
  const std::int64_t size = safetensors_element_size(e.dtype);
  require(size > 0, where, "has dtype '", e.dtype,
          "', expected one of F32, F64, BF16, F16, I64, I32, U8, ...");
  const std::int64_t expected = byte_count(e.shape, size);
  require(expected >= 0 && static_cast<std::uint64_t>(expected) == e.data.size(), where, "has ",
          e.data.size(), " bytes of data, expected ", expected, " for ", e.dtype, " ", shape_text(e.shape),
          "; pass the whole contiguous array");
}

// Returns the order of the entries in the data part: wider elements first, otherwise as given.
std::vector<std::size_t> data_order(const std::vector<SafetensorsEntry>& entries) {
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return safetensors_element_size(entries[a].dtype) > safetensors_element_size(entries[b].dtype);
  });
  return order;
}

// The text is concatenated by hand: an ordered JSON object would search all its keys at every insertion.
std::string header_text(const std::vector<SafetensorsEntry>& entries, const std::vector<std::size_t>& order,
                        const SafetensorsMetadata& metadata) {
  std::vector<std::uint64_t> begin(entries.size());
  std::uint64_t at = 0;
  for (const std::size_t i : order) {
    begin[i] = at;
    at += entries[i].data.size();
  }
  std::string header = "{";
  const auto member = [&header](const std::string& key, const PlainJson& value) {
    header += text(header.size() > 1 ? "," : "", PlainJson(key).dump(), ":", value.dump());
  };
  if (!metadata.empty()) member(kMetadata, metadata);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const SafetensorsEntry& e = entries[i];
    member(e.name,
           {{"dtype", e.dtype}, {"shape", e.shape}, {"data_offsets", {begin[i], begin[i] + e.data.size()}}});
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

// Returns whether a dtype has elements of 4 or 6 bits, which do not fill bytes.
bool is_newer_dtype(std::string_view dtype) {
  return dtype == "F4" || dtype == "F6_E2M3" || dtype == "F6_E3M2";
}

std::string sum_text(std::uint32_t sum) {
  std::array<char, kSumDigits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", sum);
  return digits.data();
}

// Returns where the header holds the sum's digits: behind its key, whose quotes no string can hold unescaped.
std::size_t sum_place(std::string_view header) {
  const std::string before = text('"', kSum, "\":\"");
  const std::size_t at = header.find(before);
  return at == header.npos || at + before.size() + kSumDigits > header.size() ? header.npos
                                                                              : at + before.size();
}

// Turns the bytes of one file into entries. A broken rule of the format becomes an Error.
class Parser {
 public:
  explicit Parser(const InputFile& file) : file_(file), path_(file.path()) {}

  void parse(SafetensorsMetadata& metadata, std::vector<SafetensorsPlace>& entries) {
    const std::string header = read_header();
    const PlainJson json = parse_header(header);
    for (const std::string& key : keys_) {
      if (key == kMetadata) {
        metadata = read_metadata(json.at(key));
      } else {
        entries.push_back(read_entry(key, json.at(key)));
      }
    }
    check_coverage(entries);
    if (const auto sum = metadata.find(kSum); sum != metadata.end()) check_sum(header, sum->second);
  }

 private:
  template <class... Args>
  void demand(bool condition, const Args&... args) const {
    if (condition) return;
    fail("SafetensorsFile: '", path_.string(), "' (", file_.size(),
         " bytes) is truncated or corrupt: ", args..., "; restore it from another copy or write it again");
  }

  std::string read_header() {
    const std::string head = file_.head();
    if (head.size() <= kLengthBytes || head[kLengthBytes] != '{')
      refuse_other_kind("SafetensorsFile", path_, head, "a .safetensors file");
    demand(file_.size() >= kLengthBytes, "found ", file_.size(), " bytes, expected at least ", kLengthBytes,
           " for the header length");
    std::uint64_t length = 0;
    file_.read_at(0, &length, kLengthBytes);
    demand(length <= kMaxHeader, "the header length is ", length, " bytes, expected at most ", kMaxHeader);
    demand(length <= file_.size() - kLengthBytes, "the header length is ", length, " bytes, but only ",
           file_.size() - kLengthBytes, " bytes follow");
    data_begin_ = kLengthBytes + length;
    data_size_ = file_.size() - data_begin_;
    std::string header(length, '\0');
    file_.read_at(kLengthBytes, header.data(), length);
    demand(header.starts_with('{') && length >= 2, "the header of ", length,
           " bytes does not begin with '{'");
    return header;
  }

  // Also notes the order of the names, and refuses names that occur twice in one object.
  PlainJson parse_header(std::string_view header) {
    std::vector<std::set<std::string>> open;
    const auto watch = [&](int depth, PlainJson::parse_event_t event, PlainJson& value) {
      demand(depth <= kDeepest, "the header nests more than ", kDeepest, " levels deep");
      if (event == PlainJson::parse_event_t::object_start) open.emplace_back();
      if (event == PlainJson::parse_event_t::object_end) open.pop_back();
      if (event == PlainJson::parse_event_t::key) {
        const auto& key = value.get_ref<const std::string&>();
        demand(open.back().insert(key).second, "the header has the key '", key, "' twice");
        if (open.size() == 1) keys_.push_back(key);
      }
      return true;
    };
    try {
      return PlainJson::parse(header.begin(), header.end(), watch);
    } catch (const PlainJson::parse_error& e) {
      demand(false, "the header of ", header.size(), " bytes is not valid JSON from its byte ", e.byte,
             " on");
    } catch (const PlainJson::exception&) {
      demand(false, "the header of ", header.size(), " bytes holds a number beyond the range of float64");
    }
    return {};
  }

  SafetensorsMetadata read_metadata(const PlainJson& json) const {
    demand(json.is_object(), "'", kMetadata, "' is not an object of strings");
    SafetensorsMetadata metadata;
    for (const auto& [key, value] : json.items()) {
      demand(value.is_string(), "metadata '", key, "' is not a string");
      metadata[key] = value.get<std::string>();
    }
    return metadata;
  }

  std::int64_t read_size(const std::string& where, const PlainJson& json) const {
    demand(json.is_number_unsigned() && json.get<std::uint64_t>() <= INT64_MAX, where, " has the number ",
           json.dump(-1, ' ', true, PlainJson::error_handler_t::replace).substr(0, 40),
           ", expected an integer from 0 to 2^63 - 1");
    return json.get<std::int64_t>();
  }

  SafetensorsPlace read_entry(const std::string& name, const PlainJson& json) const {
    const std::string where = "entry '" + name + "'";
    demand(json.is_object() && json.size() == 3 && json.contains("dtype") && json.contains("shape") &&
               json.contains("data_offsets"),
           where, " does not have exactly the keys dtype, shape, data_offsets");
    const PlainJson &dtype = json["dtype"], &shape = json["shape"], &offsets = json["data_offsets"];
    demand(dtype.is_string() && shape.is_array() && offsets.is_array() && offsets.size() == 2, where,
           " needs a string dtype, an array shape and two data_offsets");
    SafetensorsPlace entry{.name = name, .dtype = dtype.get<std::string>()};
    const std::int64_t size = safetensors_element_size(entry.dtype);
    require(size > 0, "SafetensorsFile: '", path_.string(), "': ", where, " has the dtype '",
            entry.dtype.substr(0, 40), "'",
            is_newer_dtype(entry.dtype) ? " of a newer version of the format" : "",
            ", expected BOOL, U8, I8, ..., F32, F64 or C64; convert it, or take another copy");
    for (const PlainJson& dimension : shape) entry.shape.push_back(read_size(where, dimension));
    const std::int64_t begin = read_size(where, offsets[0]), end = read_size(where, offsets[1]);
    demand(begin <= end && static_cast<std::uint64_t>(end) <= data_size_, where, " has the data offsets [",
           begin, ", ", end, "], but the data part has ", data_size_, " bytes");
    const std::int64_t expected = byte_count(entry.shape, size);
    demand(expected == end - begin, where, " has ", end - begin, " bytes of data, but ", entry.dtype, " ",
           shape_text(entry.shape), expected < 0 ? " overflows 2^63 bytes" : text(" needs ", expected));
    entry.begin = data_begin_ + static_cast<std::uint64_t>(begin);
    entry.size = static_cast<std::uint64_t>(end - begin);
    return entry;
  }

  void check_coverage(const std::vector<SafetensorsPlace>& entries) const {
    using Range = std::pair<std::uint64_t, std::uint64_t>;
    std::vector<std::pair<Range, const SafetensorsPlace*>> ranges;
    for (const SafetensorsPlace& e : entries)
      ranges.push_back({{e.begin - data_begin_, e.begin - data_begin_ + e.size}, &e});
    std::sort(ranges.begin(), ranges.end());
    std::uint64_t at = 0;
    for (const auto& [range, entry] : ranges) {
      demand(range.first == at, "entry '", entry->name, "' begins at byte ", range.first, " of the data, ",
             range.first < at ? "inside the entry that ends at " : "leaving a hole after byte ", at);
      at = range.second;
    }
    demand(at == data_size_, "the entries end at byte ", at, " of the data, but the data part has ",
           data_size_, " bytes");
  }

  // The sum is compared as text, because the same number has other spellings.
  void check_sum(std::string header, const std::string& given) const {
    const std::size_t digits = sum_place(header);
    demand(digits != header.npos && given.size() == kSumDigits, "its sum is not of ", kSumDigits, " digits");
    const std::uint64_t length = header.size();
    header.replace(digits, kSumDigits, kNoSum);
    std::uint32_t sum = crc32c(bytes_of(header), crc32c(std::as_bytes(std::span(&length, 1))));
    std::vector<std::byte> piece(std::min<std::uint64_t>(data_size_, 1 << 18));
    for (std::uint64_t at = 0; at < data_size_; at += piece.size()) {
      piece.resize(std::min<std::uint64_t>(piece.size(), data_size_ - at));
      file_.read_at(data_begin_ + at, piece.data(), piece.size());
      sum = crc32c(piece, sum);
    }
    const std::string expected = sum_text(sum);
    demand(given == expected, "its bytes have the sum ", expected, ", but it was written with ", given);
  }

  const InputFile& file_;
  const fs::path& path_;
  std::uint64_t data_begin_ = 0, data_size_ = 0;
  std::vector<std::string> keys_;
};

}  // namespace

std::int64_t safetensors_element_size(std::string_view dtype) {
  static const std::map<std::string_view, std::int64_t> sizes{
      {"BOOL", 1},        {"U8", 1},          {"I8", 1},      {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"F8_E4M3FNUZ", 1}, {"F8_E5M2FNUZ", 1}, {"F8_E8M0", 1}, {"I16", 2},     {"U16", 2},
      {"F16", 2},         {"BF16", 2},        {"I32", 4},     {"U32", 4},     {"F32", 4},
      {"I64", 8},         {"U64", 8},         {"F64", 8},     {"C64", 8}};
  const auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

void save_safetensors(const fs::path& path, const std::vector<SafetensorsEntry>& entries,
                      const SafetensorsMetadata& metadata, const SafetensorsOptions& options) {
  std::set<std::string_view> seen;
  for (const SafetensorsEntry& e : entries) check_entry(path, e, seen);
  const std::vector<std::size_t> order = data_order(entries);
  std::string header;
  try {
    SafetensorsMetadata all = metadata;
    if (options.summed) all[kSum] = kNoSum;
    header = header_text(entries, order, all);
  } catch (const PlainJson::exception&) {
    fail("save_safetensors '", path.string(),
         "': given a name or metadata that is not UTF-8; pass UTF-8 text");
  }
  require(header.size() <= kMaxHeader, "save_safetensors '", path.string(), "': the header has ",
          header.size(), " bytes, expected at most ", kMaxHeader, "; shorten the metadata");
  const std::uint64_t length = header.size();
  std::vector<Bytes> pieces{std::as_bytes(std::span(&length, 1)), bytes_of(header)};
  for (const std::size_t i : order) pieces.push_back(entries[i].data);
  if (options.summed) {
    std::uint32_t sum = 0;
    for (const Bytes piece : pieces) sum = crc32c(piece, sum);
    header.replace(sum_place(header), kSumDigits, sum_text(sum));
  }
  write_atomically(path, pieces, options.keep);
}

SafetensorsFile::SafetensorsFile(const fs::path& path)
    : file_(std::make_shared<const InputFile>(path, "SafetensorsFile")) {
  Parser(*file_).parse(metadata_, entries_);
  for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
}

bool SafetensorsFile::summed() const { return metadata_.contains(kSum); }

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const SafetensorsPlace& e : entries_) names.push_back(e.name);
  return names;
}

const SafetensorsPlace& SafetensorsFile::at(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  require(found != index_.end(), "SafetensorsFile: '", path().string(), "' has no entry '", name,
          "' among its ", entries_.size(), " entries; check that the file belongs to this model");
  return entries_[found->second];
}

}  // namespace stillpoint
