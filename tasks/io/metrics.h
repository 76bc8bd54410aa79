// The record of a run: metrics.jsonl, one JSON object per line, mirrored to TensorBoard as split/name.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/files.h"
#include "tasks/io/tensorboard.h"

namespace stillpoint {

// The names of the values are unique and none of step, epoch, time, split.
struct MetricsRow {
  std::int64_t step = 0, epoch = 0;
  std::string split = {};  // "train", "valid", "test"
  std::vector<std::pair<std::string, double>> values = {};
};

// Appends {"step", "epoch", "time", "split", name: value, ...} per row; `time` is in seconds since the run
// began and goes on where it was after a resume. JSON has no NaN and no infinity: they become null in the
// file, while TensorBoard gets them as they are.
class MetricsLog {
 public:
  // Without `resume_step` the folder must not hold a metrics.jsonl with rows: Error. With it, rows of later
  // steps and a torn last line are dropped, atomically, and a damaged line elsewhere is an Error with its
  // number.
  explicit MetricsLog(const std::filesystem::path& folder,
                      std::optional<std::int64_t> resume_step = std::nullopt);

  // On disk (as far as this process goes) when it returns. Throws Error on a reserved, empty or repeated
  // name.
  void log(const MetricsRow& row);
  double seconds() const;  // since the run began, as in a row of now
  TensorBoardWriter& tensorboard() { return tensorboard_; }

 private:
  double seconds_before_ = 0;  // of the part of the run before a resume
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  AppendFile file_;
  TensorBoardWriter tensorboard_;
};

// All rows of a metrics.jsonl, without a torn last line, of which `torn` tells. Throws Error if the file is missing
// or a line damaged.
std::vector<nlohmann::json> read_metrics(const std::filesystem::path& path, bool* torn = nullptr);

}  // namespace stillpoint
