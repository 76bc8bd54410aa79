// Writes TensorBoard event files: scalars, pictures and text in TFRecord frames, with protobuf encoded by
// hand.
//
// Frame: u64 length | u32 masked CRC of the length | bytes | u32 masked CRC of the bytes, little-endian;
// mask(c) = rotate_right(c, 15) + 0xa282ead8. Messages: tensorflow/core/util/event.proto, summary.proto.
#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "engine/io/files.h"

namespace stillpoint {

std::uint32_t masked_crc32c(std::string_view bytes);
std::string tf_record(std::string_view bytes);

// Seconds since 1970.
double wall_clock();

// Writes one new event file events.out.tfevents.<seconds>.<host>.<pid>.<n> in `folder`, which is made if
// missing. Its name sorts after those of all older ones, and its times never decrease, whatever the clock
// does. With `resume_step`, TensorBoard forgets what older files in the folder contain for later steps. Every
// member throws Error if the file cannot be written.
class TensorBoardWriter {
 public:
  explicit TensorBoardWriter(const std::filesystem::path& folder,
                             std::optional<std::int64_t> resume_step = std::nullopt);
  TensorBoardWriter(TensorBoardWriter&&) = default;
  TensorBoardWriter& operator=(TensorBoardWriter&&) = default;
  ~TensorBoardWriter();  // flushes, and ignores a failure

  const std::filesystem::path& path() const { return file_.path(); }
  // The time is now unless a wall time is given. The value is stored as float32, NaN and infinities included.
  void add_scalar(std::string_view tag, double value, std::int64_t step,
                  std::optional<double> wall_time = std::nullopt);
  // `png`: the bytes of an RGB PNG file of height x width pixels.
  void add_image(std::string_view tag, std::string_view png, std::int64_t height, std::int64_t width,
                 std::int64_t step, std::optional<double> wall_time = std::nullopt);
  // TensorBoard shows it under TEXT.
  void add_text(std::string_view tag, std::string_view markdown, std::int64_t step,
                std::optional<double> wall_time = std::nullopt);
  // Describes the run in TensorBoard's HPARAMS tab: an object of numbers, texts and truth values.
  void add_hparams(const nlohmann::ordered_json& settings, std::string_view run);
  void flush();
  void discard() { pending_.clear(); }  // drops the events that wait to be written
  // Writes the file to the disk, where it is safe once the folder is synced too.
  void sync();

 private:
  void add_event(std::string_view fields, std::int64_t step, std::optional<double> wall_time = std::nullopt);

  double now_;  // the time of the latest event
  AppendFile file_;
  std::string pending_;
};

}  // namespace stillpoint
