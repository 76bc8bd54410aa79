// The data of a safetensors file, in memory.
#pragma once
#include <list>
#include <vector>

#include "engine/io/safetensors.h"

namespace stillpoint::test {

inline std::vector<std::byte> data_of(const SafetensorsFile& file, const SafetensorsPlace& entry) {
  std::vector<std::byte> data(entry.size);
  file.read(entry, data.data());
  return data;
}

// All entries with their data, which this keeps, as save_safetensors takes them.
struct LoadedEntries {
  explicit LoadedEntries(const SafetensorsFile& file) {
    for (const SafetensorsPlace& entry : file.entries())
      entries.push_back({entry.name, entry.dtype, entry.shape, data.emplace_back(data_of(file, entry))});
  }
  std::list<std::vector<std::byte>> data;
  std::vector<SafetensorsEntry> entries;
};

}  // namespace stillpoint::test
