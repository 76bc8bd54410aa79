// Tests plots: their data, their scripts, and the pictures that gnuplot makes of them.
#include <stdlib.h>
#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <string>

#include "engine/io/files.h"
#include "tasks/io/image.h"
#include "tasks/io/plot.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace stillpoint;
using test::contains;
using test::error_of;

namespace {

// Sets an environment variable for as long as the object lives.
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
