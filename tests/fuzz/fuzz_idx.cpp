// IDX: an input is the length of the images' file in two bytes, that file, and the labels' file.
#include <algorithm>

#include "tasks/data/idx.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static fuzz::MemoryFile images, labels;
  const std::string_view rest = fuzz::text_of(data + 2, size - 2);
  const std::size_t length = std::min<std::size_t>(data[0] + 256u * data[1], rest.size());
  fuzz::allow_errors([&] {
    const ImageSet set =
        read_idx(images.with(rest.substr(0, length)), labels.with(rest.substr(length)), 2, 3);
    fuzz::demand(set.count > 0 && Index(set.labels.size()) == set.count &&
                 Index(set.pixels.size()) == 6 * set.count);
    for (const std::int32_t label : set.labels) fuzz::demand(label >= 0 && label <= 9);
  });
  return 0;
}
