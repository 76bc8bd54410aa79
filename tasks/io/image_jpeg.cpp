// Decodes JPEG through libjpeg. Its errors jump, so every function that calls setjmp has only trivially
// destructible locals; its caller owns what needs a destructor.
#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <functional>
#include <vector>

#include "kernels/device/error.h"
#include "tasks/io/image_formats.h"

namespace stillpoint::image_formats {
namespace {

// For a picture in more than one scan libjpeg keeps all coefficients, and each scan passes over all of them.
// Encoders write about ten scans; the first one spends a bit or more on every 8 x 8 pixels.
constexpr int most_scans = 100;
constexpr std::uint64_t most_pixels_per_byte = 512;
constexpr std::string_view exif_begin("Exif\0\0", 6);

struct JpegErrors {
  jpeg_error_mgr base;  // must be first, because libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char problem[JMSG_LENGTH_MAX];
};

void on_jpeg_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  errors->base.format_message(info, errors->problem);
  std::longjmp(errors->jump, 1);
}

// Turns warnings about missing or damaged data into errors: libjpeg would invent the rest of the picture.
void on_jpeg_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
      code == JWRN_MUST_RESYNC || code == JWRN_BOGUS_PROGRESSION)
    on_jpeg_error(info);
}

void on_jpeg_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= most_scans) return;
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  std::snprintf(errors->problem, sizeof errors->problem, "more than %d scans", most_scans);
  std::longjmp(errors->jump, 1);
}

struct JpegReader {
  JpegReader() {
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = on_jpeg_error;
    errors.base.emit_message = on_jpeg_message;
    progress.progress_monitor = on_jpeg_progress;
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info); }

  jpeg_decompress_struct info{};
  jpeg_progress_mgr progress{};
  JpegErrors errors{};
};

bool read_jpeg_header(JpegReader& r, std::string_view bytes) {
  if (setjmp(r.errors.jump)) return false;
  jpeg_create_decompress(&r.info);
  r.info.progress = &r.progress;
  jpeg_mem_src(&r.info, reinterpret_cast<const unsigned char*>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
  jpeg_save_markers(&r.info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&r.info, TRUE);
  return true;
}

bool start_jpeg_rows(JpegReader& r) {
  if (setjmp(r.errors.jump)) return false;
  r.info.out_color_space = r.info.num_components == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&r.info);
  return true;
}

bool read_jpeg_row(JpegReader& r, std::uint8_t* row) {
  if (setjmp(r.errors.jump)) return false;
  jpeg_read_scanlines(&r.info, &row, 1);
  return true;
}

bool read_jpeg_end(JpegReader& r) {
  if (setjmp(r.errors.jump)) return false;
  jpeg_finish_decompress(&r.info);
  return true;
}

// Returns whether the reader stopped right after an end marker (FF D9) of the file itself. Some versions of
// libjpeg add a missing one without a warning.
bool ends_by_its_marker(const jpeg_decompress_struct& info, std::string_view bytes) {
  const auto* const first = reinterpret_cast<const JOCTET*>(bytes.data());
  const JOCTET* const at = info.src->next_input_byte;
  const std::less_equal<const JOCTET*> before;
  return before(first + 2, at) && before(at, first + bytes.size()) && at[-2] == 0xff && at[-1] == 0xd9;
}

std::string exif_of(const jpeg_decompress_struct& info) {
  for (auto marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (data.starts_with(exif_begin)) return std::string(data.substr(exif_begin.size()));
  }
  return {};
}

// Converts what libjpeg gives to red, green, blue and alpha. Adobe stores inks inverted: 255 means no ink.
void to_rgba(const std::uint8_t* from, bool inks, bool inverted, std::size_t width, std::uint8_t* to) {
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const unsigned colour = from[i * (inks ? 4 : 3) + c], black = inks ? from[i * 4 + 3] : 0u;
      to[4 * i + c] = std::uint8_t(!inks      ? colour
                                   : inverted ? (colour * black + 127) / 255
                                              : ((255 - colour) * (255 - black) + 127) / 255);
    }
    to[4 * i + 3] = 255;
  }
}

}  // namespace

Decoded decode_jpeg(const std::filesystem::path& path, std::string_view bytes) {
  JpegReader reader;
  const auto demand = [&](bool good) {
    if (!good) refuse(path, "JPEG", bytes.size(), reader.errors.problem);
  };
  demand(read_jpeg_header(reader, bytes));
  jpeg_decompress_struct& info = reader.info;
  require(info.jpeg_color_space != JCS_UNKNOWN, "read_image: '", path.string(), "' is a JPEG with ",
          info.num_components,
          " colour components of no known kind, expected grey, colour or CMYK; convert it to RGB");
  Decoded out = start(path, info.image_height, info.image_width);
  const std::uint64_t pixels = std::uint64_t(info.image_height) * info.image_width;
  require(!jpeg_has_multiple_scans(&info) || pixels / most_pixels_per_byte <= bytes.size(), "read_image: '",
          path.string(), "' (", bytes.size(), " bytes) is a JPEG that claims ", info.image_width, " x ",
          info.image_height, " pixels in several scans, expected at most ", most_pixels_per_byte,
          " from each byte; copy or download it again");
  demand(start_jpeg_rows(reader));
  const bool inks = info.out_color_space == JCS_CMYK, inverted = info.saw_Adobe_marker != 0;
  const std::size_t width = info.image_width;
  std::vector<std::uint8_t> row(width * 4), rgba(width * 4);
  while (info.output_scanline < info.output_height) {
    demand(read_jpeg_row(reader, row.data()));
    to_rgba(row.data(), inks, inverted, width, rgba.data());
    out.add_row(rgba.data(), {});
  }
  out.exif = exif_of(info);  // read_jpeg_end frees it
  demand(read_jpeg_end(reader));
  if (!ends_by_its_marker(info, bytes)) refuse(path, "JPEG", bytes.size(), "no end marker");
  return out;
}

}  // namespace stillpoint::image_formats
