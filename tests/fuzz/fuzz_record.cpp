// A checkpoint's record: an input is its JSON text.
#include <cmath>

#include "tasks/training/run_record.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::allow_errors([&] {
    const RunRecord record = read_run_record(parse_json(std::string(fuzz::text_of(data, size))), "input");
    fuzz::demand(record.step >= record.epoch && record.epoch >= 0 && record.loss_count >= 0 &&
                 record.loss_count <= record.step && record.log_rows >= -1 && std::isfinite(record.loss_sum));
    const Json written = write_run_record(record);
    fuzz::demand(write_run_record(read_run_record(written, "written")) == written);
  });
  return 0;
}
