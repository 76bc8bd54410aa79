// Tests what a picture's file says about how to show it (orientation, transparency, inks), and claims that
// its bytes cannot hold.
#include <zlib.h>

#include <cstddef>
#include <cstdio>

#include <jpeglib.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tasks/io/image.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

using test::TempDir;
using test::write_bytes;

std::string number(std::uint32_t value, int bytes, bool little = false) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += char(value >> 8 * (little ? i : bytes - 1 - i));
  return out;
}

std::string chunk(const std::string& kind_and_data) {
  const auto* const data = reinterpret_cast<const Bytef*>(kind_and_data.data());
  return number(std::uint32_t(kind_and_data.size() - 4), 4) + kind_and_data +
         number(std::uint32_t(crc32(0, data, uInt(kind_and_data.size()))), 4);
}

const std::string png_begin = "\x89PNG\r\n\x1a\n";

// Returns a PNG with unfiltered rows.
std::string png(std::uint32_t width, std::uint32_t height, int bits, int colour, int interlaced,
                const std::string& rows, const std::string& more = "") {
  std::vector<Bytef> packed(compressBound(rows.size()));
  uLongf size = packed.size();
  REQUIRE(compress2(packed.data(), &size, reinterpret_cast<const Bytef*>(rows.data()), rows.size(), 9) ==
          Z_OK);
  return png_begin +
         chunk("IHDR" + number(width, 4) + number(height, 4) + char(bits) + char(colour) +
               std::string(2, '\0') + char(interlaced)) +
         more + chunk("IDAT" + std::string(packed.begin(), packed.begin() + std::ptrdiff_t(size))) +
         chunk("IEND");
}

// Returns EXIF data with two tags; the second one is the orientation.
std::string exif(std::uint32_t orientation, bool little) {
  const auto n = [&](std::uint32_t value, int bytes) { return number(value, bytes, little); };
  return (little ? "II" : "MM") + n(42, 2) + n(8, 4) + n(2, 2) + n(0x010f, 2) + n(2, 2) + n(4, 4) + "abc" +
         '\0' + n(0x0112, 2) + n(3, 2) + n(1, 4) + n(orientation, 2) + n(0, 2) + n(0, 4);
}

std::string jpeg_with(std::string jpeg, const std::string& marker) {
  return jpeg.insert(2, "\xff\xe1" + number(std::uint32_t(marker.size() + 2), 2) + marker);
}

// Returns a JPEG in which every pixel has the values of `pixel`, in one scan or in more than 100.
std::string jpeg(unsigned width, unsigned height, const std::vector<JSAMPLE>& pixel, J_COLOR_SPACE space,
                 bool many_scans = false) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = width;
  info.image_height = height;
  info.input_components = int(pixel.size());
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  if (space == JCS_CMYK) jpeg_set_colorspace(&info, JCS_YCCK);
  jpeg_set_quality(&info, 100, TRUE);
  std::vector<jpeg_scan_info> scans{{1, {0}, 0, 0, 0, 0}};
  for (int k = 1; k < 64; ++k) scans.push_back({1, {0}, k, k, 0, 1});
  for (int k = 1; k < 64; ++k) scans.push_back({1, {0}, k, k, 1, 0});
  if (many_scans) {
    info.scan_info = scans.data();
    info.num_scans = int(scans.size());
  }
  jpeg_start_compress(&info, TRUE);
  std::vector<JSAMPLE> row;
  for (unsigned i = 0; i < width; ++i) row.insert(row.end(), pixel.begin(), pixel.end());
  for (JSAMPROW at = row.data(); info.next_scanline < height;) jpeg_write_scanlines(&info, &at, 1);
  jpeg_finish_compress(&info);
  std::string out(reinterpret_cast<char*>(bytes), size);
  jpeg_destroy_compress(&info);
  std::free(bytes);
  return out;
}

Image shown(const std::string& bytes, const std::string& background = "white") {
  const TempDir dir;
  write_bytes(dir / "p", bytes);
  return read_image(dir / "p", colour_named(background));
}

std::vector<int> reds(const Image& image) {
  std::vector<int> out;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) out.push_back(image.rgb[i]);
  return out;
}

}  // namespace

TEST_CASE("a picture is turned as its EXIF orientation says", "[image]") {
  const std::string rows("\0\0\1\2\0\3\4\5", 8);  // 0 1 2 / 3 4 5 after the filter bytes
  const std::vector<std::vector<int>> expected{{0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
                                               {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2},
                                               {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
  const std::string plain = jpeg(24, 8, {100}, JCS_GRAYSCALE);
  for (std::uint32_t orientation = 1; orientation <= 8; ++orientation)
    for (const bool little : {true, false}) {
      const std::string data = exif(orientation, little);
      const Image image = shown(png(3, 2, 8, 0, 0, rows, chunk("eXIf" + data)));
      INFO(orientation);
      CHECK(reds(image) == expected[orientation - 1]);
      CHECK(image.height == (orientation < 5 ? 2 : 3));
      CHECK(image.note.empty() == (orientation == 1));
      const Image photo = shown(jpeg_with(plain, std::string("Exif\0\0", 6) + data));
      CHECK(photo.height == (orientation < 5 ? 8 : 24));
      CHECK(photo.note ==
            (orientation == 1 ? "" : text("turned as its EXIF orientation ", orientation, " says")));
    }
}

TEST_CASE("damaged EXIF data leave a picture as it is stored, and it is said", "[image]") {
  const std::string plain = jpeg(24, 8, {100}, JCS_GRAYSCALE), good = exif(6, true);
  const auto with = [&](const std::string& data) {
    return shown(jpeg_with(plain, std::string("Exif\0\0", 6) + data));
  };
  CHECK(shown(jpeg_with(plain, "http://ns.adobe.com/xap/1.0/")).note.empty());
  for (std::size_t n = 1; n < good.size(); ++n) {
    const Image image = with(good.substr(0, n));
    INFO(n);
    if (n < good.size() - 4) {
      CHECK(image.height == 8);
      CHECK(test::contains(image.note, "shown as it is stored, since its EXIF data are damaged"));
    }
  }
  for (const std::uint32_t orientation : {0u, 9u, 0xffffu})
    CHECK(test::contains(with(exif(orientation, false)).note, text("(orientation ", orientation)));
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = good;
      changed[at] = char(changed[at] ^ 1 << bit);
      CHECK(with(changed).rgb.size() == 24 * 8 * 3);
    }
  std::string damaged = png(3, 2, 8, 0, 0, std::string("\0\0\1\2\0\3\4\5", 8), chunk("eXIf" + good));
  damaged[60] = char(damaged[60] ^ 1);  // a bit inside the chunk, so that its checksum is wrong
  CHECK_THAT(error_text([&] { shown(damaged); }), mentions("corrupt"));
}

TEST_CASE("what is transparent shows the background that is named", "[image]") {
  const auto rgba = [](std::initializer_list<int> values) {
    std::string rows(1, '\0');
    for (const int value : values) rows += char(value);
    return png(std::uint32_t(values.size() / 4), 1, 8, 6, 0, rows);
  };
  const std::string mixed = rgba({10, 20, 30, 0, 10, 20, 30, 255, 200, 100, 0, 51});
  using Rgb = std::vector<std::uint8_t>;
  CHECK(shown(mixed).rgb == Rgb{255, 255, 255, 10, 20, 30, 244, 224, 204});
  CHECK(shown(mixed).note == "transparent in part, laid on white");
  CHECK(shown(mixed, "black").rgb == Rgb{0, 0, 0, 10, 20, 30, 40, 20, 0});
  CHECK(shown(mixed, "#0A14fF").rgb == Rgb{10, 20, 255, 10, 20, 30, 48, 36, 204});
  CHECK(shown(rgba({1, 2, 3, 255})).note.empty());
  const std::string white = rgba({255, 255, 255, 0, 255, 255, 255, 255});
  CHECK(shown(white).note ==
        "transparent in part, laid on white, where all of it looks alike: choose another background");
  CHECK(shown(white, "grey").rgb == Rgb{128, 128, 128, 255, 255, 255});
  for (const char* name : {"", "red", "#12345", "#1234567", "#12345g", "# 12345", "123456"})
    CHECK_THAT(error_text([&] { colour_named(name); }), mentions("background: given", "#RRGGBB"));
}

TEST_CASE("inks become colours, as Adobe stores them and as others do", "[image]") {
  const std::vector<JSAMPLE> inks{200, 100, 50, 220};
  const std::string adobe = jpeg(8, 8, inks, JCS_CMYK);  // YCCK with Adobe's marker: 255 means no ink
  const Image image = shown(adobe);
  REQUIRE(image.rgb.size() == 192);
  for (std::size_t c = 0; c < 3; ++c) CHECK(std::abs(image.rgb[c] - (inks[c] * 220 + 127) / 255) <= 2);
}

TEST_CASE("a file that claims more than its bytes can hold is refused before memory is taken", "[image]") {
  for (const int interlaced : {0, 1})
    CHECK_THAT(
        error_text([&] { shown(png(16000, 16000, 8, 6, interlaced, "x")); }),
        mentions("is a PNG that claims 16000 x 16000 pixels", "expected at most 1032 bytes from each"));
  CHECK_THAT(error_text([&] { shown(png(16000, 16000, 8, 6, 0, "x").substr(0, 65)); }), mentions("claims"));
  // No data compresses better than rows of zeros.
  const std::string zeros(4001 * std::size_t(3000), '\0');
  CHECK(shown(png(4000, 3000, 8, 0, 0, zeros)).rgb.size() == 36'000'000);
  std::string cut = png(4000, 3000, 8, 0, 0, zeros);
  CHECK_THAT(error_text([&] { shown(cut.substr(0, cut.size() - 30)); }), mentions("corrupt"));

  std::string large = jpeg(64, 64, {100}, JCS_GRAYSCALE, true);
  CHECK_THAT(error_text([&] { shown(large); }), mentions("more than 100 scans"));
  const std::size_t frame = large.find("\xff\xc2");
  REQUIRE(frame != std::string::npos);
  large.replace(frame + 5, 4, number(16000, 2) + number(16000, 2));
  CHECK_THAT(error_text([&] { shown(large); }), mentions("claims 16000 x 16000 pixels in several scans"));
}

}  // namespace stillpoint
