// Writing, resuming and reading metrics.jsonl.
#include "tasks/io/metrics.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "kernels/error.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Line {
  std::string_view text;
  Json json;
};

bool is_row(const Json& json) {
  const auto has = [&](const char* name, auto is_kind) { return json.contains(name) && is_kind(json[name]); };
  return json.is_object() && has("step", [](const Json& v) { return v.is_number_integer(); }) &&
         has("time", [](const Json& v) { return v.is_number(); }) &&
         has("split", [](const Json& v) { return v.is_string(); });
}

// A crash can tear only the line that was being written, which is the last.
std::vector<Line> parse_lines(const fs::path& path, std::string_view content, bool* torn = nullptr) {
  std::vector<Line> lines;
  if (torn != nullptr) *torn = false;
  for (std::size_t number = 1; !content.empty(); ++number) {
    const std::size_t length = std::min(content.find('\n'), content.size());
    const std::string_view line = content.substr(0, length);
    content.remove_prefix(std::min(length + 1, content.size()));
    Json json = Json::parse(line, nullptr, false);
    if (!is_row(json)) {
      require(content.empty(), "metrics: '", path.string(), "' line ", number, " is '", line.substr(0, 60),
              "', expected a JSON object with step, time and split; repair or remove that line");
      if (torn != nullptr) *torn = true;
      break;
    }
    lines.push_back({line, std::move(json)});
  }
  return lines;
}

// Returns the seconds of the last row that stays.
double cut_back(const fs::path& path, std::int64_t step) {
  if (!fs::exists(path)) return 0;
  const std::string content = read_file(path);
  std::string kept;
  double seconds = 0;
  for (const Line& line : parse_lines(path, content)) {
    if (line.json["step"].get<std::int64_t>() > step) continue;
    seconds = std::max(seconds, line.json["time"].get<double>());
    (kept += line.text) += '\n';
  }
  if (kept != content) write_atomically(path, kept);
  return seconds;
}

double prepare(const fs::path& folder, std::optional<std::int64_t> resume_step) {
  make_folder(folder);
  const fs::path path = folder / "metrics.jsonl";
  if (resume_step) return cut_back(path, *resume_step);
  std::error_code missing;
  const auto size = fs::file_size(path, missing);
  require(missing || size == 0, "MetricsLog: '", path.string(), "' already holds ", size,
          " bytes of another run, expected none; resume that run or choose another folder");
  return 0;
}

}  // namespace

MetricsLog::MetricsLog(const fs::path& folder, std::optional<std::int64_t> resume_step)
    : seconds_before_(prepare(folder, resume_step)),
      file_(folder / "metrics.jsonl", AppendFile::Open::append),
      tensorboard_(folder, resume_step) {}

double MetricsLog::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
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
  file_.append(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  for (const auto& [name, value] : row.values) {
    tensorboard_.add_scalar(row.split + "/" + name, value, row.step);
  }
  tensorboard_.flush();
}

std::vector<Json> read_metrics(const fs::path& path, bool* torn) {
  const std::string content = read_file(path);
  std::vector<Json> rows;
  for (Line& line : parse_lines(path, content, torn)) rows.push_back(std::move(line.json));
  return rows;
}

}  // namespace stillpoint
