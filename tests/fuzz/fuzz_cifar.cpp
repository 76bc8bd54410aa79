// CIFAR-10: an input is the archive, with one image in each file.
#include "tasks/data/cifar.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  fuzz::allow_errors([&] {
    const CifarSets sets = read_cifar_archive(file.with(fuzz::text_of(data, size)), 1);
    fuzz::demand(sets.train.count == 5 && sets.train.pixels.size() == 5 * 3072 &&
                 sets.test.pixels.size() == 3072);
    for (const std::int32_t label : sets.train.labels) fuzz::demand(label >= 0 && label <= 9);
  });
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return fuzz::mutate_unpacked(data, size, max_size, seed);
}
