// Writes, resumes and reads metrics.jsonl.
#include "tasks/io/metrics.h"

#include <algorithm>
#include <string_view>

#include "kernels/device/error.h"

namespace stillpoint {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

bool is_row(const Json& json) {
  const auto has = [&](const char* name, auto is_kind) { return json.contains(name) && is_kind(json[name]); };
  return json.is_object() &&
         has("step",
             [](const Json& v) {
               return v.is_number_unsigned() && v.get<std::uint64_t>() <= std::uint64_t(INT64_MAX);
             }) &&
         has("time", [](const Json& v) { return v.is_number(); }) &&
         has("split", [](const Json& v) { return v.is_string(); });
}

}  // namespace

int better_direction(const std::string& metric) {
  const auto has = [&](const char* part) { return metric.find(part) != std::string::npos; };
  if (has("loss") || has("error") || has("perplexity")) return -1;
  return has("accuracy") || has("psnr") || has("recalled") ? 1 : 0;
}

MetricsLog::Held MetricsLog::examine(const fs::path& path, const std::optional<LogPosition>& resume) {
  Held held;
  if (!fs::exists(path)) return held;
  const auto take = [&](const Json& row, const LineReader& lines) {
    const auto step = row["step"].get<std::int64_t>();
    require(resume.has_value(), "MetricsLog: '", path.string(),
            "' already holds rows of another run, expected none; resume that run or choose another folder");
    if (step > resume->step) return false;
    held.bytes = lines.end();
    held.ended = lines.ended();
    ++held.rows;
    held.seconds = std::max(held.seconds, row["time"].get<double>());
    held.step = step;
    if (step == resume->step) held.splits.insert(row["split"].get<std::string>());
    return true;
  };
  if (resume && resume->rows >= 0)
    read_metrics(path, take, resume->rows);
  else
    read_metrics(path, take);
  return held;
}

MetricsLog::MetricsLog(const fs::path& folder, const std::optional<LogPosition>& resume)
    : held_((make_folder(folder), examine(folder / "metrics.jsonl", resume))),
      rows_(held_.rows),
      file_(folder / "metrics.jsonl", AppendFile::Open::append),
      tensorboard_(folder, resume ? std::optional(resume->step) : std::nullopt) {
  if (file_.size() > held_.bytes) file_.cut(held_.bytes);
  if (!held_.ended) file_.append("\n");
  if (resume) lost_ = std::max<std::int64_t>(0, resume->rows - rows_);
}

double MetricsLog::seconds() const {
  return held_.seconds + std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void MetricsLog::log(const MetricsRow& row) {
  nlohmann::ordered_json json{
      {"step", row.step}, {"epoch", row.epoch}, {"time", seconds()}, {"split", row.split}};
  for (const auto& [name, value] : row.values) {
    require(!name.empty() && !json.contains(name), "MetricsLog: a row of split '", row.split,
            "' has the name '", name,
            "', expected names that are not empty, unique and not step, epoch, time or split; rename it");
    json[name] = value;
  }
  const std::lock_guard one(writing_);
  file_.append(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  ++rows_;
  for (const auto& [name, value] : row.values) {
    tensorboard_.add_scalar(row.split + "/" + name, value, row.step);
  }
  tensorboard_.flush();
}

std::int64_t MetricsLog::sync() {
  const std::lock_guard one(writing_);
  file_.sync();
  tensorboard_.sync();
  return rows_;
}

bool read_metrics(const fs::path& path, const std::function<bool(const Json&, const LineReader&)>& take,
                  std::int64_t proven) {
  LineReader lines(path);
  std::string_view line;
  for (std::int64_t number = 1; lines.next(line); ++number) {
    const Json row = Json::parse(line, nullptr, false);
    if (!is_row(row)) {
      // A crash can tear only the line that was being written, the last one.
      require(lines.at_end() || number > proven, "metrics: '", path.string(), "' line ", number, " is '",
              line.substr(0, 60),
              "', expected a JSON object with step, time and split; repair or remove that line");
      return true;
    }
    if (!take(row, lines)) return false;
  }
  return false;
}

}  // namespace stillpoint
