// Reads the data of a safetensors file into memory.
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

// Holds all entries and their data, in the form that save_safetensors takes.
struct LoadedEntries {
  explicit LoadedEntries(const SafetensorsFile& file) {
    for (const SafetensorsPlace& entry : file.entries())
      entries.push_back({entry.name, entry.dtype, entry.shape, data.emplace_back(data_of(file, entry))});
  }
  std::list<std::vector<std::byte>> data;
  std::vector<SafetensorsEntry> entries;
};

}  // namespace stillpoint::test
