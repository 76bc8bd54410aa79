// Writes TFRecord frames with their CRC-32C, and the few protobuf messages of a TensorBoard event file.
#include "tasks/io/tensorboard.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/io/crc32c.h"
#include "kernels/device/error.h"

namespace stillpoint {
namespace {

static_assert(std::endian::native == std::endian::little, "event files are little-endian");

namespace fs = std::filesystem;

constexpr std::size_t kFlushBytes = 1 << 16;

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  bytes += static_cast<char>(value);
  return bytes;
}

// A field starts with its number and wire type: 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes.
std::string key(unsigned number, unsigned wire_type) { return varint(number << 3 | wire_type); }

std::string integer_field(unsigned number, std::int64_t value) {
  return key(number, 0) + varint(static_cast<std::uint64_t>(value));
}

// The constraint keeps an integer from becoming a floating-point field unnoticed.
std::string double_field(unsigned number, std::same_as<double> auto value) {
  return key(number, 1) + raw(value);
}
std::string float_field(unsigned number, std::same_as<float> auto value) {
  return key(number, 5) + raw(value);
}

std::string bytes_field(unsigned number, std::string_view value) {
  return key(number, 2) + varint(value.size()) + std::string(value);
}

// Event.summary = 5 { Summary.value = 1 { tag = 1, <content> } }
std::string summary(std::string_view tag, std::string_view content) {
  return bytes_field(5, bytes_field(1, bytes_field(1, tag) + std::string(content)));
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  for (char& c : name) {
    if (c == '/') c = '_';
  }
  return name.data();
}

// Returns the seconds for the name of a new file. TensorBoard reads the files in the order of their names,
// whose seconds make that the order in which they were begun. Numbers that do not have ten digits would break
// the order; no clock gives them, so they are ignored.
long long first_second(const fs::path& folder) {
  constexpr std::string_view prefix = "events.out.tfevents.";
  constexpr long long first = 1'000'000'000, last = 9'999'999'998;
  make_folder(folder);
  long long latest = first - 1;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    long long seconds = 0;
    if (!name.starts_with(prefix)) continue;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), seconds);
    if (seconds >= first && seconds <= last) latest = std::max(latest, seconds);
  }
  return std::clamp(static_cast<long long>(wall_clock()), latest + 1, last + 1);
}

fs::path event_path(const fs::path& folder, double seconds) {
  static std::atomic<unsigned> count{0};
  fs::path path;
  do {
    path = folder / text("events.out.tfevents.", static_cast<long long>(seconds), ".", host_name(), ".",
                         ::getpid(), ".", count++);
  } while (fs::exists(path));
  return path;
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes_of(bytes)), 15) + 0xa282ead8u;
}

std::string tf_record(std::string_view bytes) {
  const std::string length = raw(std::uint64_t{bytes.size()});
  return length + raw(masked_crc32c(length)) + std::string(bytes) + raw(masked_crc32c(bytes));
}

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

TensorBoardWriter::TensorBoardWriter(const fs::path& folder, std::optional<std::int64_t> resume_step)
    : now_(double(first_second(folder))), file_(event_path(folder, now_), AppendFile::Open::create_new) {
  add_event(bytes_field(3, "brain.Event:2"), 0);
  // Event.session_log = 7 { status = 1: START } makes readers purge this step and all later ones.
  if (resume_step) add_event(bytes_field(7, integer_field(1, 1)), *resume_step + 1);
  flush();
}

TensorBoardWriter::~TensorBoardWriter() {
  try {
    flush();
  } catch (const Error&) {
    pending_.clear();
  }
}

void TensorBoardWriter::add_event(std::string_view fields, std::int64_t step,
                                  std::optional<double> wall_time) {
  if (!wall_time) wall_time = now_ = std::max(now_, wall_clock());
  std::string event = double_field(1, *wall_time) + integer_field(2, step);
  event += fields;
  pending_ += tf_record(event);
  if (pending_.size() >= kFlushBytes) flush();
}

void TensorBoardWriter::add_scalar(std::string_view tag, double value, std::int64_t step,
                                   std::optional<double> wall_time) {
  add_event(summary(tag, float_field(2, static_cast<float>(value))), step, wall_time);
}

void TensorBoardWriter::add_image(std::string_view tag, std::string_view png, std::int64_t height,
                                  std::int64_t width, std::int64_t step, std::optional<double> wall_time) {
  constexpr std::int64_t rgb = 3;
  const std::string image =
      integer_field(1, height) + integer_field(2, width) + integer_field(3, rgb) + bytes_field(4, png);
  add_event(summary(tag, bytes_field(4, image)), step, wall_time);
}

void TensorBoardWriter::add_text(std::string_view tag, std::string_view markdown, std::int64_t step,
                                 std::optional<double> wall_time) {
  // TensorProto { dtype = 1: DT_STRING (7), tensor_shape = 2 { dim = 2 { size = 1: 1 } }, string_val = 8 }
  const std::string tensor =
      integer_field(1, 7) + bytes_field(2, bytes_field(2, integer_field(1, 1))) + bytes_field(8, markdown);
  // SummaryMetadata { plugin_data = 1 { plugin_name = 1 } }
  const std::string metadata = bytes_field(1, bytes_field(1, "text"));
  add_event(summary(tag, bytes_field(8, tensor) + bytes_field(9, metadata)), step, wall_time);
}

void TensorBoardWriter::add_hparams(const nlohmann::ordered_json& settings, std::string_view run) {
  // HParamsPluginData.session_start_info = 3 { map hparams = 1 { key = 1, Value = 2 }, group_name = 4,
  // start_time_secs = 5 }; google.protobuf.Value { number = 2, text = 3, truth = 4 }
  std::string session;
  for (const auto& [name, value] : settings.items()) {
    const std::string content = value.is_boolean()  ? integer_field(4, value.get<bool>())
                                : value.is_number() ? double_field(2, value.get<double>())
                                : value.is_string() ? bytes_field(3, value.get<std::string>())
                                                    : bytes_field(3, value.dump());
    session += bytes_field(1, bytes_field(1, name) + bytes_field(2, content));
  }
  session += bytes_field(4, run) + double_field(5, wall_clock());
  // metadata = 9 { plugin_data = 1 { plugin_name = 1, content = 2 } }
  const std::string plugin = bytes_field(1, "hparams") + bytes_field(2, bytes_field(3, session));
  add_event(summary("_hparams_/session_start_info", bytes_field(9, bytes_field(1, plugin))), 0);
}

void TensorBoardWriter::flush() {
  if (pending_.empty()) return;
  file_.append(pending_);
  pending_.clear();
}

void TensorBoardWriter::sync() {
  flush();
  file_.sync();
}

}  // namespace stillpoint
