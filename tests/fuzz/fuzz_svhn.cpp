// SVHN: an input is a MATLAB file with images of 1 x 1 pixel.
#include "tasks/data/mat_file.h"
#include "tasks/data/svhn.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  const std::filesystem::path path = file.with(fuzz::text_of(data, size));
  fuzz::allow_errors([&] {
    InputFile open(path);
    check_mat_file(open);
  });
  fuzz::allow_errors([&] {
    const ImageSet set = read_svhn(path, 1);
    fuzz::demand(set.count > 0 && Index(set.labels.size()) == set.count &&
                 Index(set.pixels.size()) == 3 * set.count);
    for (const std::int32_t label : set.labels) fuzz::demand(label >= 0 && label <= 9);
  });
  return 0;
}
