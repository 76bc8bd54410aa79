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

// The names of the values are unique and none of step, epoch, time, split.
struct MetricsRow {
  std::int64_t step = 0, epoch = 0;
  std::string split = {};  // "train", "valid", "test"
  std::vector<std::pair<std::string, double>> values = {};
};

// Where a run goes on: after this step, at which its log had so many rows (-1: not known).
struct LogPosition {
  std::int64_t step = 0;
  std::int64_t rows = -1;
};

// Appends {"step", "epoch", "time", "split", name: value, ...} per row; `time` is in seconds since the run
// began and goes on where it was after a resume. JSON has no NaN and no infinity: they become null in the
// file, while TensorBoard gets them as they are.
class MetricsLog {
 public:
  // Without `resume` the folder must not hold a metrics.jsonl with rows: Error. With it, the log is cut back
  // to the rows of steps up to that one. What a crash may leave is dropped, too: a torn last line, and what
  // is damaged behind `resume->rows` rows; a damaged line elsewhere is an Error with its number.
  explicit MetricsLog(const std::filesystem::path& folder,
                      const std::optional<LogPosition>& resume = std::nullopt);

  // On disk (as far as this process goes) when it returns. Throws Error on a reserved, empty or repeated
  // name.
  void log(const MetricsRow& row);
  // After a resume: whether the log held a row of this split at the very step.
  bool held(const std::string& split) const { return held_.splits.contains(split); }
  // After a resume: how many of `resume->rows` are missing, and the step of the last row that is there.
  std::int64_t lost() const { return lost_; }
  std::int64_t last_step() const { return held_.step; }
  // Rows and events are on the disk when it returns, once the folder is synced, too; the number of rows. Any
  // thread may call it.
  std::int64_t sync();
  double seconds() const;  // since the run began, as in a row of now
  TensorBoardWriter& tensorboard() { return tensorboard_; }

 private:
  // The part of the log that stays at a resume.
  struct Held {
    std::uint64_t bytes = 0;
    std::int64_t rows = 0;
    bool ended = true;  // whether the last line has its end
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

// Calls `take` with every row of a metrics.jsonl, one after the other, until it returns false; memory does
// not grow with the file. True where the last line is torn, which is left out. Throws Error if the file is
// missing or a line damaged, unless `proven` rows came before it, so that it ends the log.
bool read_metrics(const std::filesystem::path& path,
                  const std::function<bool(const nlohmann::json&, const LineReader&)>& take,
                  std::int64_t proven = std::numeric_limits<std::int64_t>::max());

}  // namespace stillpoint
