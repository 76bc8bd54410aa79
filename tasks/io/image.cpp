// PNG through libpng and JPEG through libjpeg, whose errors jump: every function that calls setjmp holds only
// trivially destructible locals, and what needs a destructor belongs to its caller.
#include "tasks/io/image.h"

#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <functional>
#include <new>
#include <string_view>

#include "engine/files.h"
#include "kernels/error.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;

void check_image(const char* where, const Image& image) {
  const bool sized = image.height > 0 && image.width > 0 && image.height <= kMaxPixels / image.width;
  require(sized && image.channels == 3 &&
              image.rgb.size() == static_cast<std::size_t>(image.height * image.width * image.channels),
          where, ": the image is ", image.height, " x ", image.width, " x ", image.channels, " with ",
          image.rgb.size(),
          " bytes, expected height x width x 3 bytes and 1 to 2^28 pixels; fill in all of it");
}

Image empty_image(const fs::path& path, std::int64_t height, std::int64_t width) {
  require(height > 0 && width > 0 && height <= kMaxPixels / width, "read_image: '", path.string(), "' is ",
          height, " x ", width,
          " pixels, expected 1 to 2^28 pixels; scale it down or check that it is not corrupt");
  return {height, width, 3, std::vector<std::uint8_t>(static_cast<std::size_t>(height * width * 3))};
}

[[noreturn]] void refuse(const fs::path& path, const char* kind, std::size_t size, const char* problem) {
  fail("read_image: '", path.string(), "' (", size, " bytes) is a ", kind, " that is truncated or corrupt (",
       problem, "); copy or download it again");
}

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
  png_read_info(r.png, r.info);
  return true;
}

bool read_png_pixels(PngReader& r, std::uint8_t* rgb, std::size_t row_bytes, png_uint_32 height) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_set_expand(r.png);
  png_set_scale_16(r.png);
  png_set_gray_to_rgb(r.png);
  png_set_strip_alpha(r.png);
  const int passes = png_set_interlace_handling(r.png);
  png_read_update_info(r.png, r.info);
  if (png_get_rowbytes(r.png, r.info) != row_bytes) png_error(r.png, "the pixels do not convert to RGB");
  for (int pass = 0; pass < passes; ++pass) {
    for (png_uint_32 y = 0; y < height; ++y) png_read_row(r.png, rgb + y * row_bytes, nullptr);
  }
  png_read_end(r.png, nullptr);
  return true;
}

Image decode_png(const fs::path& path, std::string_view bytes) {
  PngReader reader(bytes);
  require(reader.info != nullptr, "read_image: libpng could not start on '", path.string(),
          "'; check that the libpng in use is the one compiled against and that memory is left");
  if (!read_png_header(reader)) refuse(path, "PNG", bytes.size(), reader.state.problem);
  const png_uint_32 height = png_get_image_height(reader.png, reader.info);
  Image image = empty_image(path, height, png_get_image_width(reader.png, reader.info));
  const auto row_bytes = static_cast<std::size_t>(image.width * 3);
  if (!read_png_pixels(reader, image.rgb.data(), row_bytes, height)) {
    refuse(path, "PNG", bytes.size(), reader.state.problem);
  }
  return image;
}

struct JpegErrors {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  bool damaged;
  char problem[JMSG_LENGTH_MAX];
};

void on_jpeg_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  errors->base.format_message(info, errors->problem);
  std::longjmp(errors->jump, 1);
}

// libjpeg only warns about missing or damaged data and invents the rest of the picture.
void on_jpeg_message(j_common_ptr info, int level) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  if (level >= 0 || errors->damaged) return;
  const int code = errors->base.msg_code;
  errors->damaged = code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
                    code == JWRN_MUST_RESYNC || code == JWRN_BOGUS_PROGRESSION;
  if (errors->damaged) errors->base.format_message(info, errors->problem);
}

struct JpegReader {
  JpegReader() {
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = on_jpeg_error;
    errors.base.emit_message = on_jpeg_message;
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info); }

  jpeg_decompress_struct info{};
  JpegErrors errors{};
};

bool read_jpeg_header(JpegReader& r, const unsigned char* bytes, std::size_t size) {
  if (setjmp(r.errors.jump)) return false;
  jpeg_create_decompress(&r.info);
  jpeg_mem_src(&r.info, bytes, static_cast<unsigned long>(size));
  jpeg_read_header(&r.info, TRUE);
  r.info.out_color_space = JCS_RGB;
  return true;
}

// The reader stopped right behind the file's own end marker (FF D9): some versions of libjpeg add a missing one
// without a warning.
bool ends_by_its_marker(const jpeg_decompress_struct& info, std::string_view bytes) {
  const auto* const first = reinterpret_cast<const JOCTET*>(bytes.data());
  const JOCTET* const at = info.src->next_input_byte;
  const std::less_equal<const JOCTET*> before;
  return before(first + 2, at) && before(at, first + bytes.size()) && at[-2] == 0xff && at[-1] == 0xd9;
}

bool read_jpeg_pixels(JpegReader& r, std::uint8_t* rgb, std::size_t row_bytes) {
  if (setjmp(r.errors.jump)) return false;
  jpeg_start_decompress(&r.info);
  while (r.info.output_scanline < r.info.output_height) {
    JSAMPROW row = rgb + r.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&r.info, &row, 1);
  }
  jpeg_finish_decompress(&r.info);
  return !r.errors.damaged;
}

Image decode_jpeg(const fs::path& path, std::string_view bytes) {
  JpegReader reader;
  if (!read_jpeg_header(reader, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size())) {
    refuse(path, "JPEG", bytes.size(), reader.errors.problem);
  }
  const J_COLOR_SPACE space = reader.info.jpeg_color_space;
  require(space == JCS_GRAYSCALE || space == JCS_YCbCr || space == JCS_RGB, "read_image: '", path.string(),
          "' is a JPEG with ", reader.info.num_components,
          " colour components (CMYK?), expected grey, YCbCr or RGB; convert it to RGB");
  Image image = empty_image(path, reader.info.image_height, reader.info.image_width);
  if (!read_jpeg_pixels(reader, image.rgb.data(), static_cast<std::size_t>(image.width * 3))) {
    refuse(path, "JPEG", bytes.size(), reader.errors.problem);
  }
  if (!ends_by_its_marker(reader.info, bytes)) refuse(path, "JPEG", bytes.size(), "no end marker");
  return image;
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

Image read_image(const fs::path& path) {
  const std::string bytes = read_file(path);
  const std::string_view view = bytes;
  if (view.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(path, view);
  if (view.starts_with("\xff\xd8\xff")) return decode_jpeg(path, view);
  fail("read_image: '", path.string(), "' (", bytes.size(),
       " bytes) does not begin like an image, expected PNG or JPEG; convert it to one of them");
}

std::string encode_png(const Image& image) {
  check_image("encode_png", image);
  std::string bytes;
  PngWriter writer(bytes);
  require(writer.info != nullptr && write_png_image(writer, image), "encode_png: libpng refused an image of ",
          image.height, " x ", image.width, " pixels (", writer.state.problem,
          "); check that memory is left");
  return bytes;
}

void write_png(const fs::path& path, const Image& image) { write_atomically(path, encode_png(image)); }

Image side_by_side(const Image& a, const Image& b, int gap) {
  check_image("side_by_side", a);
  check_image("side_by_side", b);
  require(gap >= 0, "side_by_side: the gap is ", gap, ", expected 0 or more columns; pass a larger one");
  Image out{std::max(a.height, b.height), a.width + gap + b.width, 3, {}};
  out.rgb.assign(static_cast<std::size_t>(out.height * out.width * 3), 255);
  const auto paste = [&out](const Image& in, std::int64_t left) {
    for (std::int64_t y = 0; y < in.height; ++y) {
      std::copy_n(in.rgb.begin() + y * in.width * 3, in.width * 3,
                  out.rgb.begin() + (y * out.width + left) * 3);
    }
  };
  paste(a, 0);
  paste(b, a.width + gap);
  return out;
}

}  // namespace stillpoint
