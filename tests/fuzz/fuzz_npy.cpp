// .npy: reads an array, and each of its elements.
#include "tasks/io/tables/npy_view.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::allow_errors([&] {
    const NpyView array("file", fuzz::text_of(data, size));
    fuzz::demand(array.size() >= 0 && std::size_t(array.size()) <= size);
    for (Index i = 0; i < array.size(); ++i) array[i];
  });
  return 0;
}
