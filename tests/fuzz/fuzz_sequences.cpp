// Sequences from CSV, .npy and .npz: an input is a byte of settings, then the file.
#include <cmath>

#include "tasks/sequences/sequence_data.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  constexpr const char* const learns[] = {"class", "value", "next", "class"};
  const unsigned choice = data[0];
  const SequenceSettings settings{.learn = learns[choice & 3],
                                  .label = choice & 4 ? "1" : "",
                                  .id = choice & 8 ? "2" : "",
                                  .input = choice & 16 ? "tokens" : "numbers",
                                  .missing = choice & 32 ? "mask" : "refuse"};
  SequenceScan scan;
  scan.with_targets = (choice & 64) == 0;
  fuzz::allow_errors([&] {
    append_sequences("file", fuzz::text_of(data + 1, size - 1), (choice & 128) != 0, "", settings, scan);
    const SequenceSet& set = scan.set;
    fuzz::demand(set.count() > 0 && set.channels > 0 &&
                 Index(set.x.size()) == set.ends.back() * set.channels);
    fuzz::demand(Index(set.y.size()) == set.count() * set.targets);
    for (Index n = 0; n < set.count(); ++n) fuzz::demand(set.length(n) > 0);
    for (const float value : set.x)
      fuzz::demand(std::isfinite(value) || (std::isnan(value) && settings.missing == "mask"));
    for (const float value : set.y) fuzz::demand(std::isfinite(value));
  });
  return 0;
}
