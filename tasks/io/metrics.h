// The record of a run: metrics.jsonl, one JSON object per line, mirrored to TensorBoard as split/name.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/files.h"
#include "tasks/io/tensorboard.h"

namespace stillpoint {

// Returns whether a larger value of a metric is better (1), a smaller one (-1), or neither is known (0).
int better_direction(const std::string& metric);

// The names of the values are unique, and differ from step, epoch, time and split.
struct MetricsRow {
  std::int64_t step = 0, epoch = 0;
  std::string split = {};  // "train", "valid", "test"
  std::vector<std::pair<std::string, double>> values = {};
};

// The point from which a run resumes: after this step, when its log had so many rows (-1: not known).
struct LogPosition {
  std::int64_t step = 0;
  std::int64_t rows = -1;
};

// Appends {"step", "epoch", "time", "split", name: value, ...} per row. `time` is in seconds since the run
// began, and continues after a resume from where it was. JSON has no NaN or infinity, so they become null in
// the file; TensorBoard gets them unchanged.
class MetricsLog {
 public:
  // Without `resume`, throws Error if the folder holds a metrics.jsonl with rows. With it, cuts the log back
  // to the rows of steps up to that one. Also drops what a crash may leave: a torn last line, and damage
  // after `resume->rows` rows. Throws Error, with its number, if another line is damaged.
  explicit MetricsLog(const std::filesystem::path& folder,
                      const std::optional<LogPosition>& resume = std::nullopt);

  // Passes the row to the system before it returns. Throws Error if a name is reserved, empty or repeated.
  void log(const MetricsRow& row);
  // After a resume: whether the log held a row of this split at exactly that step.
  bool held(const std::string& split) const { return held_.splits.contains(split); }
  // After a resume: how many of `resume->rows` are missing, and the step of the last row that is there.
  std::int64_t lost() const { return lost_; }
  std::int64_t last_step() const { return held_.step; }
  // Writes rows and events to the disk, where they are safe once the folder is synced too. Returns the number
  // of rows. Any thread may call it.
  std::int64_t sync();
  double seconds() const;  // since the run began, as in a row that is written now
  TensorBoardWriter& tensorboard() { return tensorboard_; }

 private:
  // The part of the log that a resume keeps.
  struct Held {
    std::uint64_t bytes = 0;
    std::int64_t rows = 0;
    bool ended = true;  // whether the last line has a line end
    double seconds = 0;
    std::int64_t step = 0;
    std::set<std::string> splits = {};  // of the rows at the step of the resume
  };
  static Held examine(const std::filesystem::path& path, const std::optional<LogPosition>& resume);

  Held held_;
  std::int64_t rows_, lost_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex writing_;
  AppendFile file_;
  TensorBoardWriter tensorboard_;
};

// Calls `take` with every row of a metrics.jsonl, one after the other, until it returns false. Memory does
// not grow with the file. Returns true if the last line is torn; that line is left out. Throws Error if the
// file is missing or a line is damaged; a damaged line after `proven` rows only ends the log.
bool read_metrics(const std::filesystem::path& path,
                  const std::function<bool(const nlohmann::json&, const LineReader&)>& take,
                  std::int64_t proven = std::numeric_limits<std::int64_t>::max());

}  // namespace stillpoint
