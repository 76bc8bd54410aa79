// safetensors: an input is a file; every byte of the tensors that it claims to hold is read.
#include <numeric>

#include "engine/io/safetensors.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  fuzz::allow_errors([&] {
    const SafetensorsFile read(file.with(fuzz::text_of(data, size)));
    std::size_t bytes = 0;
    unsigned sum = 0;
    for (const SafetensorsPlace& entry : read.entries()) {
      std::vector<std::byte> values(entry.size);
      read.read(entry, values.data());
      bytes += values.size();
      for (const std::byte b : values) sum += unsigned(b);
      std::int64_t expected = safetensors_element_size(entry.dtype);
      for (const std::int64_t dimension : entry.shape) expected *= dimension;
      fuzz::demand(expected == std::int64_t(values.size()) && &read.at(entry.name) == &entry);
    }
    fuzz::demand(bytes <= size && sum <= 255 * size);
  });
  return 0;
}
