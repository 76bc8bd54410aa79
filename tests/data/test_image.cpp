// Tests pictures: PNG and JPEG files of every kind, whole and damaged.
#include <string>
#include <vector>

#include "engine/io/files.h"
#include "tasks/io/image.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace stillpoint;
using test::contains;
using test::error_of;

namespace {

// These files were made with Pillow, or with zlib by hand if Pillow does not write the format.
const std::string kGrey =  // 2 x 2: 0 128 / 255 7
    "89504e470d0a1a0a0000000d494844520000000200000002080000000057dd52f80000000e4944415478da63606860f8"
    "cf0e00040b018791cbe98b0000000049454e44ae426082";
const std::string kPalette =  // 2 x 2, 2 bits, green is transparent: red green / blue red
    "89504e470d0a1a0a0000000d49484452000000020000000202030000000fd8e5b700000009504c5445ff000000ff0000"
    "00ff2d4acd8a0000000274524e53ff00e5b7304a0000000c4944415478da6310602a000000a800830be6441300000000"
    "49454e44ae426082";
const std::string kRgba =  // 1 x 2: 10 20 30 alpha 0, 40 50 60 alpha 128
    "89504e470d0a1a0a0000000d4948445200000002000000010806000000f4227f8a000000114944415478da63e4129163"
    "9093936b0000033001181af593650000000049454e44ae426082";
const std::string kRgb16 =  // 1 x 2: 0 0x80ff 0xffff, 0x0707 0x0180 0x007f
    "89504e470d0a1a0a0000000d49484452000000020000000110020000002bd0349e000000154944415478da63606068f8"
    "ffff3f3b3b6303433d001f45048c67a4afab0000000049454e44ae426082";
const std::string kGreyAlpha16 =  // 1 x 1: 99 * 257
    "89504e470d0a1a0a0000000d4948445200000001000000011004000000e58cd0410000000d4944415478da63484e6660"
    "050002bf00cc7da6d8310000000049454e44ae426082";
const std::string kBits =  // 1 x 2, 1 bit: 0 1, white is transparent
    "89504e470d0a1a0a0000000d4948445200000002000000010100000000dc5942270000000274524e5300010194fdae00"
    "00000a4944415478da637000000042004184bf8e620000000049454e44ae426082";
const std::string kInterlaced =  // 3 x 3 grey: 0 20 40 / 60 80 100 / 120 140 160
    "89504e470d0a1a0a0000000d49484452000000030000000308000000010444daf5000000174944415478da636060d060"
    "a858c020c2d0c36013900200113f02d15c28c4680000000049454e44ae426082";
const std::string kHuge =  // claims 20000 x 20000
    "89504e470d0a1a0a0000000d4948445200004e2000004e2008020000006c12d16e000000094944415478da6300000001"
    "0001b10db6930000000049454e44ae426082";
const std::string kJpeg =  // 8 x 8, all (201, 40, 90)
    "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a07"
    "0706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffdb0043010304"
    "0405040509050509140d0b0d141414141414141414141414141414141414141414141414141414141414141414141414"
    "1414141414141414141414141414ffc00011080008000803011100021101031101ffc400140001000000000000000000"
    "00000000000007ffc40014100100000000000000000000000000000000ffc40015010101000000000000000000000000"
    "00000308ffc40014110100000000000000000000000000000000ffda000c03010002110311003f002412cb7fffd9";
const std::string kGreyJpeg =  // 8 x 8, all 77
    "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a07"
    "0706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffc0000b080008"
    "000801011100ffc40014000100000000000000000000000000000008ffc4001410010000000000000000000000000000"
    "0000ffda0008010100003f003bbfffd9";
const std::string kCmykJpeg =  // 8 x 8, four colour components
    "ffd8ffee000e41646f626500640000000000ffdb0043000302020302020303030304030304050805050404050a070706"
    "080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffc000140800080008"
    "044311004d11005911004b1100ffc40014000100000000000000000000000000000009ffc40014100100000000000000"
    "000000000000000000ffda000e0443004d0059004b00003f00540a694b290fffd9";

std::string unhex(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

Image decoded(const std::string& hex, const std::string& background = "white") {
  const test::TempDir dir;
  test::write_bytes(dir / "image.dat", unhex(hex));  // the name does not give the kind away
  return read_image(dir / "image.dat", colour_named(background));
}

std::vector<std::uint8_t> tripled(const std::vector<std::uint8_t>& grey) {
  std::vector<std::uint8_t> rgb;
  for (const std::uint8_t v : grey) rgb.insert(rgb.end(), 3, v);
  return rgb;
}

Image gradient(std::int64_t height, std::int64_t width) {
  Image image{height, width};
  for (std::int64_t i = 0; i < height * width * 3; ++i)
    image.rgb.push_back(static_cast<std::uint8_t>(i * 37));
  return image;
}

}  // namespace

TEST_CASE("image: every kind of PNG becomes 8-bit RGB", "[image]") {
  CHECK(decoded(kGrey).rgb == tripled({0, 128, 255, 7}));
  CHECK(decoded(kPalette).rgb == std::vector<std::uint8_t>{255, 0, 0, 255, 255, 255, 0, 0, 255, 255, 0, 0});
  CHECK(decoded(kRgba).rgb == std::vector<std::uint8_t>{255, 255, 255, 147, 152, 157});
  CHECK(decoded(kRgb16).rgb == std::vector<std::uint8_t>{0, 128, 255, 7, 1, 0});
  CHECK(decoded(kGreyAlpha16).rgb == tripled({255}));  // alpha is 5 of 65535
  CHECK(decoded(kBits).rgb == tripled({0, 255}));
  CHECK(decoded(kBits, "black").rgb == tripled({0, 0}));
  const Image interlaced = decoded(kInterlaced);
  CHECK((interlaced.height == 3 && interlaced.width == 3 && interlaced.channels == 3));
  CHECK(interlaced.rgb == tripled({0, 20, 40, 60, 80, 100, 120, 140, 160}));
}

TEST_CASE("image: JPEG in colour and grey", "[image]") {
  const Image colour = decoded(kJpeg), grey = decoded(kGreyJpeg);
  REQUIRE((colour.height == 8 && colour.width == 8 && colour.rgb.size() == 192));
  const int expected[3] = {201, 40, 90};
  for (std::size_t i = 0; i < 192; ++i) REQUIRE(std::abs(colour.rgb[i] - expected[i % 3]) <= 1);
  REQUIRE(grey.rgb.size() == 192);
  for (const std::uint8_t v : grey.rgb) REQUIRE(std::abs(v - 77) <= 1);
  CHECK(decoded(kCmykJpeg).rgb.size() == 192);
}

TEST_CASE("image: what cannot be read is an Error with the path", "[image]") {
  const test::TempDir dir;
  CHECK(contains(error_of([&] { read_image(dir / "absent.png"); }), "absent.png"));
  write_atomically(dir / "text.png", "hello");
  CHECK(contains(error_of([&] { read_image(dir / "text.png"); }),
                 "text.png' (5 bytes) does not begin like an image"));
  CHECK(contains(error_of([] { decoded(kHuge); }), "20000 x 20000 pixels, expected 1 to 2^28"));
  CHECK(contains(error_of([] { decoded(kGrey.substr(0, 40)); }),
                 "(20 bytes) is a PNG that is truncated or corrupt"));
}

TEST_CASE("image: truncation at any length is an Error, a changed byte at worst one", "[image]") {
  for (const std::string& hex : {kGrey, kInterlaced, kPalette, kJpeg, kGreyJpeg}) {
    for (std::size_t digits = 0; digits < hex.size(); digits += 2) {
      INFO(digits / 2 << " bytes of " << hex);
      REQUIRE_FALSE(error_of([&] { decoded(hex.substr(0, digits)); }).empty());
    }
    for (std::size_t at = 0; at < hex.size(); ++at) {
      std::string changed = hex;
      changed[at] = changed[at] == '5' ? 'a' : '5';
      const std::string message = error_of([&] { decoded(changed); });
      CHECK((message.empty() || contains(message, "image.dat")));
    }
  }
}

TEST_CASE("image: write_png and read_image are inverse", "[image]") {
  const test::TempDir dir;
  const Image image = gradient(13, 7);
  write_png(dir / "i.png", image);
  const Image read = read_image(dir / "i.png");
  CHECK((read.height == 13 && read.width == 7));
  CHECK(read.rgb == image.rgb);
  Image wrong = image;
  wrong.rgb.pop_back();
  CHECK(contains(error_of([&] { write_png(dir / "i.png", wrong); }), "13 x 7 x 3 with 272 bytes"));
  CHECK(contains(error_of([&] { encode_png(Image{}); }), "0 x 0"));
  CHECK(contains(error_of([&] { encode_png({.height = INT64_MAX, .width = 4}); }), "expected"));
  CHECK(read_image(dir / "i.png").rgb == image.rgb);
}

TEST_CASE("image: side by side", "[image]") {
  const Image a{1, 2, 3, {1, 2, 3, 4, 5, 6}}, b{2, 1, 3, {7, 8, 9, 10, 11, 12}};
  const Image both = side_by_side(a, b, 1);
  CHECK((both.height == 2 && both.width == 4));
  CHECK(both.rgb == std::vector<std::uint8_t>{1,   2,   3,   4,   5,   6,   255, 255, 255, 7,  8,  9,
                                              255, 255, 255, 255, 255, 255, 255, 255, 255, 10, 11, 12});
  CHECK(contains(error_of([&] { side_by_side(a, b, -1); }), "-1"));
  CHECK(contains(error_of([&] { side_by_side(a, Image{}, 1); }), "side_by_side"));
}
