// Pictures: an input is a PNG or JPEG file.
#include "tasks/io/image.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  fuzz::allow_errors([&] {
    const Image image = read_image(file.with(fuzz::text_of(data, size)));
    fuzz::demand(image.height > 0 && image.width > 0 &&
                 std::int64_t(image.rgb.size()) == image.height * image.width * image.channels);
  });
  return 0;
}
