// Configurations: an input is a JSON file of settings, read as each task reads its own, and one --set flag.
#include "models/deq.h"
#include "models/mondeq.h"
#include "models/sim.h"
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

namespace stillpoint {
namespace {

template <class Config>
void add(ModelFamily& family, const char* name) {
  family.add<Config>({.name = name, .summary = "only settings"});
}

}  // namespace

// The families have the models' settings, but none of their code.
ModelFamily& sequence_models() {
  static ModelFamily family;
  if (family.names().empty()) {
    add<HeadConfig>(family, "single");
    add<DeqConfig>(family, "deq");
  }
  return family;
}

ModelFamily& image_models() {
  static ModelFamily family;
  if (family.names().empty()) {
    add<HeadConfig>(family, "sim");
    add<MonDeqConfig>(family, "mondeq-single");
  }
  return family;
}

ModelFamily& coordinate_models() {
  static ModelFamily family;
  if (family.names().empty()) add<HeadConfig>(family, "rff");
  return family;
}

}  // namespace stillpoint

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
