// Tests TensorBoard event files byte by byte, metrics.jsonl through crashes and resumes, and the progress
// line.
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "engine/io/crc32c.h"
#include "engine/io/files.h"
#include "tasks/io/metrics.h"
#include "tasks/io/numbers.h"
#include "tasks/io/progress.h"
#include "tasks/io/tensorboard.h"
#include "tasks/settings/registry.h"
#include "tasks/training/run_folder.h"
#include "tests/support/catch.h"
#include "tests/support/metrics_rows.h"
#include "tests/support/temp_dir.h"

using namespace stillpoint;
using test::contains;
using test::error_of;

namespace {

template <class T>
T at(const std::string& bytes, std::size_t offset) {
  T value{};
  REQUIRE(offset + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Returns the payloads of a TFRecord file; checks both checksums of each frame.
std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> out;
  for (std::size_t offset = 0; offset < file.size();) {
    const auto length = at<std::uint64_t>(file, offset);
    REQUIRE(length <= file.size());
    CHECK(at<std::uint32_t>(file, offset + 8) == masked_crc32c(file.substr(offset, 8)));
    out.push_back(file.substr(offset + 12, length));
    CHECK(at<std::uint32_t>(file, offset + 12 + length) == masked_crc32c(out.back()));
    offset += 16 + length;
  }
  return out;
}

// Returns a protobuf field of type bytes: its key byte, a length below 128, the payload.
std::string field(char key, std::string_view payload) {
  return text(key, static_cast<char>(payload.size()), payload);
}

// Returns the bytes of Event.wall_time = 2.0 (double) and Event.step.
std::string event_head(char step) { return std::string("\x09\0\0\0\0\0\0\0\x40\x10", 10) + step; }

std::string row(std::int64_t step, double time) {
  return text(R"({"step":)", step, R"(,"epoch":0,"time":)", time, R"(,"split":"train","loss":1.5})");
}

}  // namespace

TEST_CASE("tensorboard: CRC-32C and its mask give known values", "[tensorboard]") {
  for (const auto sum : {crc32c, crc32c_by_table}) {
    CHECK(sum(bytes_of(""), 0) == 0u);
    CHECK(sum(bytes_of("123456789"), 0) == 0xE3069283u);
    CHECK(sum(bytes_of("6789"), sum(bytes_of("12345"), 0)) == 0xE3069283u);
    CHECK(sum(bytes_of(std::string(32, '\0')), 0) == 0x8A9136AAu);    // RFC 3720, B.4
    CHECK(sum(bytes_of(std::string(32, '\xff')), 0) == 0x62A8AB43u);  // RFC 3720, B.4
  }
  CHECK(masked_crc32c("") == 0xa282ead8u);
  CHECK(masked_crc32c("123456789") == 0xC78AB0E5u);
}

TEST_CASE("tensorboard: a frame is length, checksum, payload, checksum", "[tensorboard]") {
  const std::string frame = tf_record("123456789");
  REQUIRE(frame.size() == 25);
  CHECK(frame.substr(0, 8) == std::string("\x09\0\0\0\0\0\0\0", 8));
  CHECK(frame.substr(12, 9) == "123456789");
  const std::uint32_t crc = 0xE3069283u;
  CHECK(at<std::uint32_t>(frame, 21) == ((crc >> 15 | crc << 17) + 0xa282ead8u));
}

TEST_CASE("tensorboard: the messages in an event file", "[tensorboard]") {
  const test::TempDir dir;
  TensorBoardWriter writer(dir.path());
  writer.add_scalar("a/b", 1.5, 3, 2.0);
  writer.add_scalar("n", -std::numeric_limits<double>::infinity(), 300, 2.0);
  writer.add_image("im", "PNG", 4, 5, 7, 2.0);
  writer.add_text("t", "**x**", 0, 2.0);
  CHECK(records(read_file(writer.path())).size() == 1);
  writer.flush();

  CHECK(contains(writer.path().filename().string(), "events.out.tfevents."));
  const auto events = records(read_file(writer.path()));
  REQUIRE(events.size() == 5);
  CHECK(events[0].substr(9) == std::string("\x10\0\x1a\x0d", 4) + "brain.Event:2");
  const std::string scalar = text(field(0x0a, "a/b"), std::string("\x15\0\0\xc0\x3f", 5));
  CHECK(events[1] == text(event_head(3), field(0x2a, field(0x0a, scalar))));
  CHECK(contains(events[2], std::string("\x10\xac\x02\x2a", 4)));
  CHECK(contains(events[2], std::string("\x15\0\0\x80\xff", 5)));
  const std::string image = field(0x22, "\x08\x04\x10\x05\x18\x03\x22\x03PNG");
  CHECK(events[3] == text(event_head(7), field(0x2a, field(0x0a, text(field(0x0a, "im"), image)))));
  const std::string tensor = field(0x42, "\x08\x07\x12\x04\x12\x02\x08\x01\x42\x05**x**");
  const std::string metadata = field(0x4a, "\x0a\x06\x0a\x04text");
  CHECK(events[4] == text(event_head(0), field(0x2a, field(0x0a, text(field(0x0a, "t"), tensor, metadata)))));
}

TEST_CASE("tensorboard: writers never share a file, and a resume marks where it starts", "[tensorboard]") {
  const test::TempDir dir;
  std::string first_path;
  {
    TensorBoardWriter first(dir.path() / "new" / "folder"), second(dir.path() / "new" / "folder", 127);
    CHECK(first.path() != second.path());
    const auto events = records(read_file(second.path()));
    REQUIRE(events.size() == 2);
    CHECK(events[1].substr(9) == "\x10\x80\x01\x3a\x02\x08\x01");  // step 128, session_log { status: START }
    first_path = first.path().string();
    first.add_scalar("x", 1, 1);
  }
  CHECK(records(read_file(first_path)).size() == 2);
  write_atomically(dir / "file", "x");
  CHECK(contains(error_of([&] { TensorBoardWriter w(dir / "file"); }), "file"));
}

TEST_CASE("tensorboard: event files are in order whatever the clock does", "[tensorboard]") {
  const test::TempDir dir;
  const std::string future = "events.out.tfevents.4000000000.host.1.0";
  write_atomically(dir / future, "");
  write_atomically(dir / "events.out.tfevents.99999999999999999999.host.1.0", "");  // from no clock
  TensorBoardWriter writer(dir.path(), 3);
  CHECK(writer.path().filename().string() > future);
  CHECK(writer.path().filename().string().starts_with("events.out.tfevents.4000000001."));
  writer.add_scalar("x", 1, 4);
  writer.flush();
  for (const std::string& event : records(read_file(writer.path())))
    CHECK(at<double>(event, 1) >= 4000000001.0);
}

TEST_CASE("metrics: rows are on disk when log returns, and in TensorBoard", "[metrics]") {
  const test::TempDir dir;
  MetricsLog log(dir.path());
  log.log({.step = 10, .epoch = 2, .split = "train", .values = {{"loss", 0.1}, {"grad \"norm\"", NAN}}});
  log.log({.step = 10, .epoch = 2, .split = "valid", .values = {{"loss", -INFINITY}}});
  const std::string content = read_file(dir / "metrics.jsonl");
  CHECK(content.starts_with(R"({"step":10,"epoch":2,"time":)"));
  CHECK(contains(content, R"(,"split":"train","loss":0.1,"grad \"norm\"":null})"
                          "\n"));
  const auto rows = test::rows_of(dir / "metrics.jsonl");
  REQUIRE(rows.size() == 2);
  CHECK(rows[1]["split"] == "valid");
  CHECK(rows[1]["loss"].is_null());
  CHECK(rows[1]["time"].get<double>() >= rows[0]["time"].get<double>());

  const std::string events = read_file(log.tensorboard().path());
  CHECK(records(events).size() == 4);
  CHECK(contains(events, std::string("\x0a\x0atrain/loss\x15\xcd\xcc\xcc\x3d", 17)));
  CHECK(contains(events, std::string("\x0a\x0avalid/loss\x15\0\0\x80\xff", 17)));
}

TEST_CASE("metrics: names that would hide another value are refused", "[metrics]") {
  const test::TempDir dir;
  MetricsLog log(dir.path());
  for (const char* name : {"", "step", "epoch", "time", "split"}) {
    CHECK(contains(error_of([&] { log.log({.split = "train", .values = {{name, 1}}}); }), "rename it"));
  }
  CHECK(contains(error_of([&] { log.log({.split = "train", .values = {{"a", 1}, {"a", 2}}}); }), "'a'"));
  CHECK(read_file(dir / "metrics.jsonl").empty());
}

TEST_CASE("metrics: a resume drops later rows and a torn line, and keeps the others byte for byte",
          "[metrics]") {
  const test::TempDir dir;
  const auto path = dir / "metrics.jsonl";
  const std::string kept = row(1, 5) + "\n" + row(2, 60) + "\n";
  SECTION("later rows") { write_atomically(path, kept + row(3, 90) + "\n" + row(4, 95) + "\n"); }
  SECTION("a torn line") { write_atomically(path, kept + row(3, 90) + "\n" + R"({"step":4,"ep)"); }
  SECTION("a torn line of zeros") { write_atomically(path, kept + std::string(40, '\0')); }
  SECTION("a last line without its end") { write_atomically(path, row(1, 5) + "\n" + row(2, 60)); }
  SECTION("nothing to drop") { write_atomically(path, kept); }
  MetricsLog log(dir.path(), LogPosition{2});
  CHECK(read_file(path) == kept);
  log.log({.step = 3, .split = "train", .values = {{"loss", 2}}});
  const auto rows = test::rows_of(path);
  REQUIRE(rows.size() == 3);
  CHECK(rows[2]["loss"] == 2.0);
  CHECK(rows[2]["time"].get<double>() >= 60);
  CHECK(rows[2]["time"].get<double>() < 90);
}

TEST_CASE("metrics: a resume tells what is missing, and drops what is damaged behind the checkpoint",
          "[metrics]") {
  const test::TempDir dir;
  const auto path = dir / "metrics.jsonl";
  const std::string kept = row(1, 5) + "\n" + row(2, 60) + "\n";
  write_atomically(path, kept + std::string(4096, '\0') + "\n" + row(3, 90) + "\n" + row(4, 95) + "\n");
  {
    const MetricsLog log(dir.path(), LogPosition{2, 2});
    CHECK(log.lost() == 0);
    CHECK(log.held("train"));
    CHECK_FALSE(log.held("valid"));
    CHECK(read_file(path) == kept);
  }
  const MetricsLog log(dir.path(), LogPosition{9, 102});
  CHECK(log.lost() == 100);
  CHECK(log.last_step() == 2);
}

TEST_CASE("metrics: a line longer than any row ends no reader and fills no memory", "[metrics]") {
  const test::TempDir dir;
  const auto path = dir / "metrics.jsonl";
  write_atomically(path,
                   row(1, 5) + "\n" + std::string(3 * LineReader::longest, '[') + "\n" + row(2, 6) + "\n");
  CHECK(contains(error_of([&] { test::rows_of(path); }), "line 2 is '[[["));
  LineReader lines(path);
  std::string_view line;
  std::vector<std::size_t> sizes;
  while (lines.next(line)) sizes.push_back(line.size());
  CHECK(sizes == std::vector<std::size_t>{row(1, 5).size(), LineReader::longest, row(2, 6).size()});
  CHECK(lines.end() == std::filesystem::file_size(path));
}

TEST_CASE("metrics: a log is neither mixed with another run nor repaired in the middle", "[metrics]") {
  const test::TempDir dir;
  const auto path = dir / "metrics.jsonl";
  const std::string damaged = row(1, 5) + "\n{\"step\":2,\n" + row(3, 60) + "\n";
  write_atomically(path, damaged);
  CHECK(contains(error_of([&] { MetricsLog log(dir.path()); }), "resume that run or choose another folder"));
  CHECK(contains(error_of([&] { MetricsLog log(dir.path(), LogPosition{3}); }), "line 2 is '{\"step\":2,'"));
  CHECK(contains(error_of([&] { test::rows_of(path); }), "line 2"));
  CHECK(read_file(path) == damaged);
  CHECK(dir.names() == std::set<std::string>{"metrics.jsonl"});

  write_atomically(path, row(1, 5) + "\n" + R"({"step":2)");
  CHECK(test::rows_of(path).size() == 1);
  CHECK(contains(error_of([&] { test::rows_of(dir / "absent.jsonl"); }), "absent.jsonl"));
  const test::TempDir empty;
  MetricsLog resumed_without_a_file(empty.path(), LogPosition{7});
  CHECK(read_file(empty / "metrics.jsonl").empty());
}

TEST_CASE("progress: durations, numbers and rates", "[progress]") {
  CHECK(format_duration(0) == "0 s");
  CHECK(format_duration(59.6) == "1:00");
  CHECK(format_duration(185) == "3:05");
  CHECK(format_duration(3723) == "1:02:03");
  CHECK(format_duration(2 * 86400 + 3 * 3600 + 4 * 60) == "2 d 03:04");
  CHECK(format_duration(-1) == "?");
  CHECK(format_duration(INFINITY) == "?");
  CHECK(format_duration(1e30) == "years");
  CHECK(format_digits(0.12345) == "0.1235");
  CHECK(format_digits(1234.4) == "1234");
  CHECK(format_digits(0) == "0.000");
  CHECK(format_digits(1.2346e-7) == "1.235e-07");
  CHECK(format_digits(NAN) == "nan");
  CHECK(format_rate(0.516) == "0.52");
  CHECK(format_rate(8.34) == "8.3");
  CHECK(format_rate(9.96) == "10");
  CHECK(format_rate(123.4) == "123");
  CHECK(format_rate(999.6) == "1.00k");
  CHECK(format_rate(123400) == "123k");
  CHECK(format_rate(1234567) == "1.23M");
}

TEST_CASE("progress: the line keeps the fields that fit", "[progress]") {
  const ProgressState state{.step = 50,
                            .total = 1000,
                            .loss = 1.5,
                            .metric_name = "acc",
                            .metric = 0.75,
                            .examples_per_second = 1234,
                            .seconds_left = 65};
  const std::string full = "  50/1000    5.0%  loss 1.500  acc 0.7500  1:05 left  1.23k examples/s";
  CHECK(format_progress(state, 200) == full);
  CHECK(format_progress(state, static_cast<int>(full.size())) == full);
  CHECK(format_progress(state, static_cast<int>(full.size()) - 1) ==
        "  50/1000    5.0%  loss 1.500  acc 0.7500  1:05 left");
  CHECK(format_progress(state, 10) == "  50/1000");
  CHECK(format_progress(state, 0).empty());
  CHECK(format_progress({}, 80) == "0/0  100.0%  loss 0.000  ? left  0.00 examples/s");
}

TEST_CASE("progress: on a terminal one line overwrites itself", "[progress]") {
  std::ostringstream out;
  double now = 0;
  int width = 20;
  Progress progress(100, out,
                    {.terminal = true, .width = [&] { return width; }, .clock = [&] { return now; }});
  progress.update(0, 1, "", 0, 0);
  now = 0.05;
  progress.update(1, 1, "", 0, 0);  // too early to draw a line
  CHECK(out.str() == "\r  0/100    0.0%\x1b[K");
  progress.message("saved");
  CHECK(out.str() == "\r  0/100    0.0%\x1b[K\r\x1b[Ksaved\n\r  1/100    1.0%\x1b[K");
  out.str("");
  now = 10;
  width = 10;
  progress.update(50, 1, "", 0, 0);
  now = 10.01;
  progress.update(51, 1, "", 0, 0);
  progress.done();
  progress.done();
  CHECK(out.str() == "\r 50/100\x1b[K\r 51/100\x1b[K\n");
}

TEST_CASE("progress: elsewhere plain lines come at an interval, with the time left of this process",
          "[progress]") {
  std::ostringstream out;
  double now = 100;
  Progress progress(200, out, {.first_step = 100, .plain_interval = 10, .clock = [&] { return now; }});
  for (int step = 101; step <= 150; ++step) {
    now += 0.5;
    progress.update(step, 1, "acc", 0.5, 2);
  }
  progress.message("saved");
  progress.done();
  CHECK(out.str() ==
        "101/200   50.5%  loss 1.000  acc 0.5000  50 s left  2.0 examples/s\n"
        "121/200   60.5%  loss 1.000  acc 0.5000  40 s left  2.0 examples/s\n"
        "141/200   70.5%  loss 1.000  acc 0.5000  30 s left  2.0 examples/s\n"
        "saved\n"
        "150/200   75.0%  loss 1.000  acc 0.5000  25 s left  2.0 examples/s\n");
  CHECK(contains(error_of([&] { Progress wrong(-1, out); }), "-1 steps"));
}

TEST_CASE("progress: an exception that ends a run leaves the cursor on a new line", "[progress]") {
  std::ostringstream out;
  {
    Progress progress(10, out, {.terminal = true, .width = [] { return 10; }});
    progress.update(1, 1, "", 0, 0);
  }
  CHECK(out.str() == "\r 1/10\x1b[K\n");
}

TEST_CASE("a run folder that another worker has taken over gets no event that was waiting", "[tensorboard]") {
  const test::TempDir dir;
  const TaskKind& kind = task_kind("copy-memory");
  const Json config = kind.resolve({});
  write_atomically(dir / trial_name, "first");
  std::filesystem::path events;
  std::uintmax_t bytes = 0;
  {
    RunFolder folder(kind, config, "", dir.path(), "first");
    folder.start(false);
    events = folder.log_to_write().tensorboard().path();
    folder.log_to_write().tensorboard().add_text("note", "waits", 0);
    bytes = std::filesystem::file_size(events);
    write_atomically(dir / trial_name, "second");
    CHECK(contains(error_of([&] { folder.check_owner(); }), "another worker"));
  }
  CHECK(std::filesystem::file_size(events) == bytes);
}
