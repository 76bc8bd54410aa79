// Atomic files, pictures and plots.
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/files.h"
#include "engine/safetensors.h"
#include "tasks/io/image.h"
#include "tasks/io/plot.h"
#include "tests/catch.h"
#include "tests/temp_dir.h"

using namespace stillpoint;
using test::contains;
using test::error_of;

namespace {

// Files made with Pillow, or with zlib by hand where Pillow has no such format.
const std::string kGrey =  // 2 x 2: 0 128 / 255 7
    "89504e470d0a1a0a0000000d494844520000000200000002080000000057dd52f80000000e4944415478da63606860f8"
    "cf0e00040b018791cbe98b0000000049454e44ae426082";
const std::string kPalette =  // 2 x 2, 2 bits, green transparent: red green / blue red
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
const std::string kBits =  // 1 x 2, 1 bit: 0 1, white transparent
    "89504e470d0a1a0a0000000d4948445200000002000000010100000000dc5942270000000274524e5300010194fdae00"
    "00000a4944415478da637000000042004184bf8e620000000049454e44ae426082";
const std::string kInterlaced =  // 3 x 3 grey: 0 20 40 / 60 80 100 / 120 140 160
    "89504e470d0a1a0a0000000d49484452000000030000000308000000010444daf5000000174944415478da636060d060"
    "a858c020c2d0c36013900200113f02d15c28c4680000000049454e44ae426082";
const std::string kHuge =  // says 20000 x 20000
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
const std::string kCmykJpeg =  // 8 x 8, of four colour components
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
  test::write_bytes(dir / "image.dat", unhex(hex));  // the name says nothing of the kind
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

// Sets an environment variable for the life of the object.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name), old_(::getenv(name)) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() { ::setenv(name_, old_.c_str(), 1); }

 private:
  const char* name_;
  std::string old_;
};

}  // namespace

TEST_CASE("files: a write replaces the whole file and leaves nothing else", "[files]") {
  const test::TempDir dir;
  const auto path = dir / "f";
  write_atomically(path, std::string_view("old content\0x", 13));
  CHECK(read_file(path) == std::string("old content\0x", 13));
  ::chmod(path.c_str(), 0640);
  const std::vector<Bytes> pieces{bytes_of("ab"), {}, bytes_of("cd")};
  write_atomically(path, pieces);
  CHECK(read_file(path) == "abcd");
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);

  std::filesystem::create_symlink("f", dir / "link");
  write_atomically(dir / "link", "");
  CHECK(std::filesystem::is_symlink(dir / "link"));
  CHECK(read_file(path).empty());
  CHECK(dir.names() == std::set<std::string>{"f", "link"});
}

TEST_CASE("files: a write that fails half-way keeps the old file", "[files]") {
  const test::TempDir dir;
  write_atomically(dir / "f", "old");
  rlimit old_limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1000, old_limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const std::string message = error_of([&] { write_atomically(dir / "f", std::string(5000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  CHECK(contains(message, "cannot write '" + (dir / "f").string() + "': File too large; raise the limit"));
  CHECK(read_file(dir / "f") == "old");
  CHECK(dir.names() == std::set<std::string>{"f"});
}

TEST_CASE("files: errors name the path, the reason and the way out", "[files]") {
  const test::TempDir dir;
  write_atomically(dir / "f", "x");
  CHECK(contains(error_of([&] { write_atomically(dir / "no" / "f", "x"); }),
                 "no/f': No such file or directory; check"));
  CHECK(contains(error_of([&] { write_atomically(dir / "f" / "g", "x"); }), "Not a directory"));
  CHECK(contains(error_of([&] { write_atomically(dir.path(), "x"); }),
                 "Is a directory; give the name of a file"));
  CHECK(contains(error_of([&] { write_atomically("/dev/null", "x"); }), "device"));
  CHECK(contains(error_of([&] { read_file(dir / "absent"); }), "read_file: cannot open"));
  CHECK(contains(error_of([&] { read_file(dir.path()); }), "Is a directory"));
  CHECK(contains(error_of([&] { make_folder(dir / "f"); }), "cannot make the folder"));
  CHECK(dir.names() == std::set<std::string>{"f"});
}

TEST_CASE("files: appending, and refusing to append to what exists", "[files]") {
  const test::TempDir dir;
  AppendFile first(dir / "log", AppendFile::Open::create_new);
  first.append("a");
  AppendFile moved = std::move(first);
  moved.append("b");
  AppendFile(dir / "log", AppendFile::Open::append).append("c");
  CHECK(read_file(dir / "log") == "abc");
  CHECK(contains(error_of([&] { AppendFile again(dir / "log", AppendFile::Open::create_new); }),
                 "File exists"));
}

TEST_CASE("files: pipes, sockets, devices and files of holes are refused before anything is read",
          "[files]") {
  const test::TempDir dir;
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  (dir / "socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  write_atomically(dir / "hollow", "x");
  std::filesystem::resize_file(dir / "hollow", std::uintmax_t(1) << 42);
  const auto refused = [](const std::filesystem::path& path, const std::string& why) {
    CHECK(contains(error_of([&] { read_file(path); }), why));
    CHECK(contains(error_of([&] { SafetensorsFile file(path); }), why));
    CHECK(contains(error_of([&] { read_image(path); }), why));
    CHECK(contains(error_of([&] { LineReader lines(path); }), why));
    CHECK(contains(error_of([&] { read_json_file(path.string()); }), why));
  };
  refused(dir / "pipe", "pipe' is a pipe, expected a regular file");
  refused(dir / "socket", "socket' is a socket");
  refused("/dev/zero", "is a device");
  refused(dir / "hollow", "claims 4398046511104 bytes, of which the disk holds");
  ::close(listener);
}

TEST_CASE("files: settings may come through a pipe of the caller, of a size", "[files]") {
  const auto piped = [](const std::string& bytes) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      ::signal(SIGPIPE, SIG_DFL);
      for (std::size_t at = 0; at < bytes.size();)
        at += std::size_t(::write(ends[1], bytes.data() + at, bytes.size() - at));
      ::_exit(0);
    }
    ::close(ends[1]);
    std::string said;
    try {
      said = read_json_file(text("/dev/fd/", ends[0])).dump();
    } catch (const Error& error) {
      said = error.what();
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return said;
  };
  CHECK(piped(R"({"epochs": 3})") == R"({"epochs":3})");
  CHECK(contains(piped("[" + std::string(std::size_t(65) << 20, ' ') + "]"), "expected at most 67108864"));
}

TEST_CASE("files: temporaries of dead processes are removed, and nothing else is", "[files]") {
  const test::TempDir dir;
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  const std::string gone = text(".stillpoint-", dead, "-0.tmp"),
                    alive = text(".stillpoint-", ::getpid(), "-999.tmp"),
                    link = text(".stillpoint-", dead, "-1.tmp"),
                    folder = text(".stillpoint-", dead, "-2.tmp"),
                    pipe = text(".stillpoint-", dead, "-3.tmp"),
                    other = text(".stillpoint-", dead, "-0.tmp.txt");
  for (const std::string& name : {gone, alive, other, std::string("kept")})
    test::write_bytes(dir / name, "x");
  std::filesystem::create_symlink("kept", dir / link);
  std::filesystem::create_directory(dir / folder);
  REQUIRE(::mkfifo((dir / pipe).c_str(), 0600) == 0);
  remove_leftovers(dir.path());
  CHECK(dir.names() == std::set<std::string>{alive, link, folder, pipe, other, "kept"});
}

TEST_CASE("files: the old file is kept under a second name", "[files]") {
  const test::TempDir dir;
  const auto write = [&](std::string_view bytes) {
    const Bytes piece = bytes_of(bytes);
    write_atomically(dir / "f", std::span(&piece, 1), dir / "before");
  };
  write("1");
  CHECK(dir.names() == std::set<std::string>{"f"});
  write("2");
  CHECK(read_file(dir / "before") == "1");
  // As a kill between the two renames leaves it: both names are of one file.
  std::filesystem::remove(dir / "before");
  std::filesystem::create_hard_link(dir / "f", dir / "before");
  write("3");
  CHECK(read_file(dir / "before") == "2");
  CHECK(read_file(dir / "f") == "3");
  CHECK(dir.names() == std::set<std::string>{"f", "before"});
}

TEST_CASE("image: every kind of PNG becomes 8-bit RGB", "[image]") {
  CHECK(decoded(kGrey).rgb == tripled({0, 128, 255, 7}));
  CHECK(decoded(kPalette).rgb == std::vector<std::uint8_t>{255, 0, 0, 255, 255, 255, 0, 0, 255, 255, 0, 0});
  CHECK(decoded(kRgba).rgb == std::vector<std::uint8_t>{255, 255, 255, 147, 152, 157});
  CHECK(decoded(kRgb16).rgb == std::vector<std::uint8_t>{0, 128, 255, 7, 1, 0});
  CHECK(decoded(kGreyAlpha16).rgb == tripled({255}));  // alpha 5 of 65535
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

TEST_CASE("plot: data and script are written, and the pictures where gnuplot is there", "[plot]") {
  const test::TempDir dir;
  const Plot plot{
      .name = "it's",
      .title = "a 'quoted'\n\"title\" `date`",
      .xlabel = "x_1",
      .ylabel = "y",
      .log_y = true,
      .curves = {{"empty", {}, {}}, {"falling", {1, 2, 3}, {1, NAN, 0.25}}, {"point", {2}, {0.5}}}};
  const PlotResult result = plot_curves(dir.path(), plot);
  CHECK(read_file(dir / "it's.dat") ==
        "# empty\nNaN NaN\n\n\n# falling\n1 1\n2 NaN\n3 0.25\n\n\n# point\n2 0.5\n\n\n");
  const std::string script = read_file(dir / "it's.gnuplot");
  CHECK(contains(script, "set title 'a ''quoted'' \"title\" `date`'"));
  CHECK(contains(script, "'it''s.dat' index 1 using"));
  CHECK_FALSE(contains(script, "index 0"));
  INFO(result.note);
  CHECK(result.png == result.note.empty());
  CHECK(result.svg == result.note.empty());
  if (result.png) {
    const Image picture = read_image(dir / "it's.png");
    CHECK((picture.height == 600 && picture.width == 960));
    CHECK(contains(read_file(dir / "it's.svg"), "</svg>"));
  } else {
    CHECK(contains(result.note, "gnuplot is not on the PATH"));
  }
}

TEST_CASE("plot: trouble with gnuplot is a note, and no stale picture stays", "[plot]") {
  const test::TempDir dir;
  const Plot plot{.name = "p", .curves = {{"c", {1, 2}, {1, 2}}}};
  write_atomically(dir / "p.png", "stale");
  SECTION("missing") {
    const Environment path("PATH", "/nonexistent");
    CHECK(contains(plot_curves(dir.path(), plot).note, "gnuplot is not on the PATH; install it"));
  }
  SECTION("failing") {
    std::filesystem::create_directory(dir / "bin");
    write_atomically(dir / "bin" / "gnuplot", "#!/bin/sh\necho\necho broken\npwd\nexit 3\n");
    ::chmod((dir / "bin" / "gnuplot").c_str(), 0755);
    const Environment path("PATH", (dir / "bin").string());
    const PlotResult result = plot_curves(dir.path(), plot);
    CHECK(contains(result.note, "p: gnuplot failed: broken " + dir.path().string()));
    CHECK_FALSE((result.png || result.svg));
  }
  SECTION("hanging") {
    std::filesystem::create_directory(dir / "bin");
    write_atomically(dir / "bin" / "gnuplot", "#!/bin/sh\nexec >&- 2>&-\nexec /bin/sleep 60\n");
    ::chmod((dir / "bin" / "gnuplot").c_str(), 0755);
    const Environment path("PATH", (dir / "bin").string());
    CHECK(plot_curves(dir.path(), plot, std::chrono::milliseconds(200)).note ==
          "p: gnuplot was stopped after 0.2 s");
  }
  SECTION("no point") {
    const PlotResult result =
        plot_curves(dir.path(), {.name = "p", .log_y = true, .curves = {{"c", {1, 2}, {-1, NAN}}}});
    CHECK(contains(result.note, "no point to draw"));
  }
  CHECK_FALSE(std::filesystem::exists(dir / "p.png"));
  CHECK(std::filesystem::exists(dir / "p.gnuplot"));
}

TEST_CASE("plot: arguments that cannot be drawn are Errors", "[plot]") {
  const test::TempDir dir;
  CHECK(contains(error_of([&] { plot_curves(dir.path(), {.name = "a/b"}); }), "'a/b'"));
  CHECK(contains(error_of([&] { plot_curves(dir.path(), {.name = ""}); }), "stem of a file name"));
  CHECK(contains(error_of([&] {
                   plot_curves(dir.path(), {.name = "p", .curves = {{"c", {1}, {}}}});
                 }),
                 "1 x and 0 y"));
  CHECK(contains(error_of([&] { plot_curves(dir / "absent", {.name = "p"}); }), "p.dat"));
}
