// A run's files as a report reads them: the first byte of an input chooses the file, the rest is its
// contents.
#include <fstream>

#include "engine/io/files.h"
#include "tasks/report/run_data.h"
#include "tests/fuzz/fuzz.h"

using namespace stillpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const TemporaryFolder folder;
  const char* const names[] = {"metrics.jsonl", "results.json", "confusion.csv", "spectrum.json",
                               "config.json"};
  const std::filesystem::path path = folder.path() / names[data[0] % std::size(names)];
  std::ofstream(folder.path() / "config.json") << R"({"task": "copy-memory", "config": {}})";
  std::ofstream(path, std::ios::binary) << fuzz::text_of(data + 1, size - 1);
  fuzz::allow_errors([&] {
    const report::RunData run = report::read_run(folder.path());
    for (const report::LoggedMetric& metric : run.metrics)
      fuzz::demand(metric.step.size() == metric.value.size() && metric.seconds.size() == metric.value.size());
    if (run.confusion)
      for (const auto& row : run.confusion->counts) fuzz::demand(row.size() == run.confusion->classes.size());
  });
  std::filesystem::remove(path);
  return 0;
}
