// Configurations: an input is a JSON file of settings, read as each task reads its own, and one --set flag.
#include "tasks/paper/copy_memory.h"
#include "tasks/paper/image_classification.h"
#include "tasks/paper/image_regression.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

namespace {

// If settings are accepted, they are written and must be read again as the same settings.
template <class Config>
void read_as(const Json& settings, Written values) {
  fuzz::allow_errors([&] {
    Config config;
    read_config(config, settings, "input", values);
    const Json written = write_config(config);
    Config again;
    read_config(again, Json::parse(written.dump()), "written");
    fuzz::demand(write_config(again) == written);
  });
}

void read_as_each_task(const Json& settings, Written values = Written::json) {
  read_as<CopyMemoryConfig>(settings, values);
  read_as<ImageRegressionConfig>(settings, values);
  read_as<ImageClassificationConfig>(settings, values);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  const std::string_view bytes = fuzz::text_of(data, size);
  fuzz::allow_errors([&] {
    const Json settings = read_json_file(file.with(bytes));
    read_as_each_task(settings);
  });
  fuzz::allow_errors([&] { read_as_each_task(parse_assignment(std::string(bytes)), Written::spelled); });
  return 0;
}
