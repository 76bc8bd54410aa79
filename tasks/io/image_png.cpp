// Decodes and encodes PNG through libpng. Its errors jump, so every function that calls setjmp has only
// trivially destructible locals; its caller owns what needs a destructor.
#include <png.h>

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

#include "kernels/device/error.h"
#include "tasks/io/image_formats.h"

namespace stillpoint {
namespace image_formats {
namespace {

// At best, deflate packs 258 bytes into 2 bits.
constexpr std::uint64_t most_unpacked_per_byte = 1032;

struct PngState {
  std::string_view input{};
  std::string* output = nullptr;
  char problem[160] = "";
};

void on_png_error(png_structp png, png_const_charp message) {
  auto* state = static_cast<PngState*>(png_get_error_ptr(png));
  std::snprintf(state->problem, sizeof state->problem, "%s", message);
  png_longjmp(png, 1);
}

void on_png_warning(png_structp, png_const_charp) {}

void feed_png(png_structp png, png_bytep out, std::size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  if (count > state->input.size()) png_error(png, "the file ends too early");
  std::memcpy(out, state->input.data(), count);
  state->input.remove_prefix(count);
}

void take_png(png_structp png, png_bytep bytes, std::size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  bool stored = true;
  try {
    state->output->append(reinterpret_cast<const char*>(bytes), count);
  } catch (const std::bad_alloc&) {
    stored = false;
  }
  if (!stored) png_error(png, "out of memory");
}

void flush_png(png_structp) {}

struct PngReader {
  explicit PngReader(std::string_view bytes) : state{bytes} {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_png_error, on_png_warning);
    if (png) info = png_create_info_struct(png);
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

  PngState state;
  png_structp png = nullptr;
  png_infop info = nullptr;
};

bool read_png_header(PngReader& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_set_read_fn(r.png, &r.state, feed_png);
  png_set_user_limits(r.png, 0x7fffffff, 0x7fffffff);  // the caller has its own limit
  // Without this, libpng would silently skip a damaged chunk of transparency or EXIF data.
  png_set_crc_action(r.png, PNG_CRC_DEFAULT, PNG_CRC_ERROR_QUIT);
  png_read_info(r.png, r.info);
  return true;
}

// Asks for 8 bits of red, green, blue and alpha. Returns the number of passes, or 0 after an error.
int start_png_rows(PngReader& r, std::size_t row_bytes) {
  if (setjmp(png_jmpbuf(r.png))) return 0;
  png_set_expand(r.png);
  png_set_scale_16(r.png);
  png_set_gray_to_rgb(r.png);
  png_set_add_alpha(r.png, 255, PNG_FILLER_AFTER);
  const int passes = png_set_interlace_handling(r.png);
  png_read_update_info(r.png, r.info);
  if (png_get_rowbytes(r.png, r.info) != row_bytes) png_error(r.png, "the pixels do not convert to RGB");
  return passes;
}

bool read_png_row(PngReader& r, std::uint8_t* row) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_read_row(r.png, row, nullptr);
  return true;
}

bool read_png_end(PngReader& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_read_end(r.png, r.info);
  return true;
}

std::string exif_of([[maybe_unused]] PngReader& r) {
#if defined(PNG_READ_eXIf_SUPPORTED)
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(r.png, r.info, &size, &exif) != 0) return {reinterpret_cast<const char*>(exif), size};
#endif
  return {};
}

struct PngWriter {
  explicit PngWriter(std::string& bytes) : state{{}, &bytes} {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, on_png_error, on_png_warning);
    if (png) info = png_create_info_struct(png);
  }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }

  PngState state;
  png_structp png = nullptr;
  png_infop info = nullptr;
};

bool write_png_image(PngWriter& w, const Image& image) {
  if (setjmp(png_jmpbuf(w.png))) return false;
  png_set_write_fn(w.png, &w.state, take_png, flush_png);
  png_set_user_limits(w.png, 0x7fffffff, 0x7fffffff);
  png_set_IHDR(w.png, w.info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height),
               8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(w.png, w.info);
  for (std::int64_t y = 0; y < image.height; ++y)
    png_write_row(w.png, image.rgb.data() + y * image.width * 3);
  png_write_end(w.png, w.info);
  return true;
}

}  // namespace

Decoded decode_png(const std::filesystem::path& path, std::string_view bytes, const Colour& background) {
  PngReader reader(bytes);
  require(reader.info != nullptr, "read_image: libpng could not start on '", path.string(),
          "'; check that the libpng in use is the one compiled against and that memory is left");
  const auto demand = [&](bool good) {
    if (!good) refuse(path, "PNG", bytes.size(), reader.state.problem);
  };
  demand(read_png_header(reader));
  const std::size_t height = png_get_image_height(reader.png, reader.info);
  Decoded out = start(path, std::int64_t(height), png_get_image_width(reader.png, reader.info));
  const std::uint64_t unpacked = height * std::uint64_t(png_get_rowbytes(reader.png, reader.info));
  require(unpacked / most_unpacked_per_byte <= bytes.size(), "read_image: '", path.string(), "' (",
          bytes.size(), " bytes) is a PNG that claims ", out.image.width, " x ", height, " pixels (",
          unpacked, " bytes unpacked), expected at most ", most_unpacked_per_byte,
          " bytes from each; copy or download it again");
  const std::size_t row_bytes = std::size_t(out.image.width) * 4;
  const int passes = start_png_rows(reader, row_bytes);
  demand(passes > 0);
  std::vector<std::uint8_t> rows(row_bytes *
                                 (passes > 1 ? height : 1));  // an interlaced one ends with the last pass
  const auto row = [&](std::size_t y) { return rows.data() + (passes > 1 ? y * row_bytes : 0); };
  for (int pass = 1; pass <= passes; ++pass)
    for (std::size_t y = 0; y < height; ++y) {
      demand(read_png_row(reader, row(y)));
      if (pass == passes) out.add_row(row(y), background);
    }
  demand(read_png_end(reader));
  out.exif = exif_of(reader);
  return out;
}

}  // namespace image_formats

std::string encode_png(const Image& image) {
  check_image("encode_png", image);
  std::string bytes;
  image_formats::PngWriter writer(bytes);
  require(writer.info != nullptr && image_formats::write_png_image(writer, image),
          "encode_png: libpng refused an image of ", image.height, " x ", image.width, " pixels (",
          writer.state.problem, "); check that memory is left");
  return bytes;
}

}  // namespace stillpoint
