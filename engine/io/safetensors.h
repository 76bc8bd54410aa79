// The safetensors container: named raw arrays behind a JSON header, written atomically, read strictly.
//
// Format (github.com/huggingface/safetensors): u64 little-endian header length N; N bytes of a JSON object
// {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {string: string}}; then the
// data, which the arrays cover without overlap and without holes.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/io/files.h"

namespace stillpoint {

using SafetensorsMetadata = std::map<std::string, std::string>;

struct SafetensorsOptions {
  // Adds the metadata "stillpoint.crc32c": the CRC-32C of the whole file, in eight hexadecimal digits that
  // count as zeros in it.
  bool summed = false;
  std::filesystem::path keep = {};  // as in write_atomically
};

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // BOOL, U8, I8, F8_E4M3, F8_E5M2, I16, U16, F16, BF16, I32, U32, F32,
  std::vector<std::int64_t> shape = {};  // I64, U64, F64, C64; an empty shape is a scalar
  Bytes data = {};                       // row-major, little-endian, prod(shape) elements
};

// Bytes of one element; 0 for a dtype that this reader does not know.
std::int64_t safetensors_element_size(std::string_view dtype);

// Writes the entries without copying their data. The header keeps the given order; in the data part wider
// elements come first, so every array starts at a multiple of its element size.
// Throws Error on a repeated or reserved name, an unknown dtype, a shape that does not match the data, text
// that is not UTF-8, or if the file cannot be written (the old file then stays).
void save_safetensors(const std::filesystem::path& path, const std::vector<SafetensorsEntry>& entries,
                      const SafetensorsMetadata& metadata = {}, const SafetensorsOptions& options = {});

// An entry of a file; its `size` bytes begin at the file's byte `begin`.
struct SafetensorsPlace {
  std::string name, dtype;
  std::vector<std::int64_t> shape = {};
  std::uint64_t begin = 0, size = 0;
};

// A fully checked file that is open; copies share it. Replacing the file by rename (save_safetensors) leaves
// an open one intact.
class SafetensorsFile {
 public:
  // Throws Error with the file's name and the fault if the file is missing, truncated, malformed, or does not
  // match its sum.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  const SafetensorsMetadata& metadata() const { return metadata_; }
  bool summed() const;  // whether it holds a sum, which was then correct
  const std::vector<SafetensorsPlace>& entries() const { return entries_; }  // in the order of the header
  std::vector<std::string> names() const;
  bool contains(std::string_view name) const { return index_.contains(std::string(name)); }
  // Throws Error if there is no such name.
  const SafetensorsPlace& at(std::string_view name) const;
  // Copies the data of an entry of this file. Throws Error if the disk does not give them.
  void read(const SafetensorsPlace& entry, void* to) const {
    file_->read_at(entry.begin, to, std::size_t(entry.size));
  }

 private:
  std::shared_ptr<const InputFile> file_;
  SafetensorsMetadata metadata_;
  std::vector<SafetensorsPlace> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace stillpoint
