// Tests the spectrum command on the user's own data: files, errors, forecasts, matrices and their figures.
#include "tasks/spectra/own_data.h"

#include <cmath>
#include <sstream>

#include "engine/config.h"
#include "engine/io/files.h"
#include "tasks/drawing/contour.h"
#include "tasks/io/npy.h"
#include "tests/support/error_text.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
constexpr TensorOptions f64{DType::float64, Device::cpu};

// Returns a file of version 1 with this header's type, order and shape, and the bytes of the elements.
std::string npy_of(const std::string& type, const std::string& order, const std::string& shape,
                   const std::string& elements) {
  const std::string header =
      "{'descr': " + type + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += char(header.size());
  return bytes + '\0' + header + elements;
}

// Two coordinates that turn and shrink by 0.95 a step, from `start`.
std::vector<std::pair<double, double>> spiral(double start, int times) {
  std::vector<std::pair<double, double>> states;
  for (int t = 0; t < times; ++t) {
    const double r = start * std::pow(.95, t);
    states.emplace_back(r * std::cos(.4 * t), r * std::sin(.4 * t));
  }
  return states;
}

std::string spirals_csv() {
  std::ostringstream csv;
  csv.precision(17);
  csv << "time,trajectory,x,y\n";
  for (int k = 0; k < 6; ++k)
    for (int t = 0; const auto& [x, y] : spiral(1 + k, 15 + k))
      csv << .25 * t++ << ',' << 10 * k << ',' << x << ',' << y << '\n';
  return csv.str();
}

}  // namespace

TEST_CASE("arrays of every real type, order and layout are read from .npy", "[spectrum]") {
  const std::string two_shorts("\x01\x00\xff\xff", 4), swapped("\x00\x01\xff\xff", 4);
  CHECK(parse_npy("f", npy_of("'<i2'", "False", "(2,)", two_shorts)).values() == std::vector<double>{1, -1});
  CHECK(parse_npy("f", npy_of("'>i2'", "False", "(2,)", swapped)).values() == std::vector<double>{1, -1});
  const std::string six("\0\1\2\3\4\5", 6);
  const Tensor columns = parse_npy("f", npy_of("'|u1'", "True", "(2, 3)", six));
  CHECK(columns.shape() == Shape{2, 3});
  CHECK(columns.values() == std::vector<double>{0, 2, 4, 1, 3, 5});
  CHECK(parse_npy("f", npy_of("'|b1'", "False", "()", std::string(1, '\1'))).values() ==
        std::vector<double>{1});
  const TempDir folder;
  const Tensor written = Tensor::from({1, 2.5, -3, 1e300}, {2, 2}, f64);
  write_npy(folder / "w.npy", written);
  CHECK(parse_npy("w", read_file(folder / "w.npy")).values() == written.values());
}

TEST_CASE("a file that is no array of real numbers is refused", "[spectrum]") {
  const auto refused = [](const std::string& bytes, const Mentions& words) {
    CHECK_THAT(error_text([&] { parse_npy("file", bytes); }), words);
  };
  refused(npy_of("'|O'", "False", "(1,)", "12345678"), mentions("file", "'|O'", ".astype(float)"));
  refused(npy_of("'<c16'", "False", "(1,)", std::string(16, '\0')), mentions("<c16"));
  refused(npy_of("[('x', '<f8')]", "False", "(1,)", std::string(8, '\0')), mentions("a record"));
  refused(npy_of("'<f8'", "False", "(3, 2)", std::string(40, '\0')), mentions("40 bytes", "(3, 2)"));
  refused(npy_of("'<f8'", "False", "()", ""), mentions("0 bytes"));
  refused(npy_of("'<f8'", "False", "(4294967296, 4294967296)", std::string(8, '\0')), mentions("8 bytes"));
  refused(npy_of("'<f8'", "False", "(-1,)", ""), mentions("header", "numpy.save"));
  refused(npy_of("'<f8'", "False", "(1,)", "").substr(0, 30), mentions("cut off"));
  refused("\x93NUMPY\x09", mentions("version"));
}

TEST_CASE("trajectories are read from CSV and .npy files", "[spectrum]") {
  const TempDir folder;
  write_atomically(folder / "a.csv", spirals_csv());
  const std::vector<Tensor> grouped = read_trajectories({folder / "a.csv"});
  REQUIRE(grouped.size() == 6);
  CHECK(grouped[2].shape() == Shape{17, 2});
  CHECK(grouped[2].values()[0] == 3);
  write_atomically(folder / "b.csv",
                   "\xef\xbb\xbf"
                   "1, 2\n3,4\r\n\n5,6");
  const std::vector<Tensor> plain = read_trajectories({folder / "b.csv", folder / "b.csv"});
  REQUIRE(plain.size() == 2);
  CHECK(plain[1].values() == std::vector<double>{1, 2, 3, 4, 5, 6});
  write_npy(folder / "c.npy", Tensor::from({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2}, f64));
  const std::vector<Tensor> stack = read_trajectories({folder / "c.npy"});
  REQUIRE(stack.size() == 2);
  CHECK(stack[1].values() == std::vector<double>{5, 6, 7, 8});
}

TEST_CASE("bad trajectories and matrices are refused with their place", "[spectrum]") {
  const TempDir folder;
  const auto refused = [&](const std::string& csv, const Mentions& words, bool matrix = false) {
    write_atomically(folder / "bad.csv", csv);
    const auto read = [&] {
      matrix ? void(read_square_matrix(folder / "bad.csv")) : void(read_trajectories({folder / "bad.csv"}));
    };
    CHECK_THAT(error_text(read), words);
  };
  refused("x,y\n1,2\n3\n", mentions("bad.csv", "row 2 with 1 values", "2 as in the row of names"));
  refused("1,2\n3,4,5\n", mentions("row 2 with 3 values", "2 as in the first row"));
  refused("1,2\n3,nan\n", mentions("row 2", "'nan'", "finite"));
  refused("1,two\n", mentions("row 1", "'two'"));
  refused("1;2\n3;4\n", mentions("'3;4'", "separated by commas"));
  refused("x,y\n", mentions("no row of numbers"));
  refused("1,2\n", mentions("trajectory 1 of 1 with a single time"));
  refused("trajectory,x\n1,2\n1,3\n2,4\n", mentions("trajectory 2 of 2 with a single time"));
  refused("trajectory,time\n1,2\n", mentions("no column of a coordinate"));
  refused("time,x\n0,1\n1,2\n3,4\n", mentions("times 1 and 3", "equal steps of 1"));
  refused("1,2\n3,4\n5,6\n", mentions("(3, 2)", "square"), true);
  refused("a,b\n1,2\n3,4\n", mentions("names"), true);
  write_npy(folder / "n.npy", Tensor::from({1, NAN, 3, 4}, {2, 2}, f64));
  CHECK_THAT(error_text([&] { read_square_matrix(folder / "n.npy"); }), mentions("n.npy", "nan"));
  CHECK_THAT(error_text([&] { read_trajectories({folder / "n.npy"}); }), mentions("element 1", "finite"));
  write_npy(folder / "three.npy", Tensor::zeros({4, 3}, f64));
  write_npy(folder / "two.npy", Tensor::zeros({4, 2}, f64));
  CHECK_THAT(error_text([&] {
               read_trajectories({folder / "three.npy", folder / "two.npy"});
             }),
             mentions("two.npy", "2 coordinates", "3 as in"));
}

TEST_CASE("spectrum fits trajectories of a file and forecasts those that it held out", "[spectrum][cli]") {
  const TempDir folder;
  write_atomically(folder / "a.csv", spirals_csv());
  for (const std::string dictionary : {"identity", "monomials", "kernel"}) {
    std::vector<std::string> words{"spectrum", "--data",       "a.csv",   "--output",
                                   dictionary, "--dictionary", dictionary};
    if (dictionary == "kernel") words.insert(words.end(), {"--bandwidth", "3"});
    const test::Result done = test::run(folder.path(), words);
    INFO(done.output);
    REQUIRE(done.code == 0);
    CHECK_THAT(done.output, mentions(dictionary == "identity" ? "case (i) vanishes" : "case (ii) settles",
                                     "5 trajectories of 2 coordinates with 80 steps",
                                     "forecasts of 1 held-out trajectories"));
    const Json result = Json::parse(read_file(folder / dictionary / "spectrum.json"));
    CHECK(result.at("forecast_errors").size() == 19);
    CHECK(result.at("forecast_errors")[18].get<double>() < (dictionary == "kernel" ? .2 : 1e-9));
    CHECK(result.at("forecast_errors_of_the_start")[18].get<double>() > .5);
    for (const char* name : {"spectrum.svg", "forecast.svg", "forecast.csv", "forecasts.csv", "K.npy"})
      CHECK(fs::exists(folder / dictionary / name));
  }
  CHECK(Json::parse(read_file(folder / "identity/spectrum.json")).at("radius").get<double>() == Approx(.95));
  CHECK(test::contains(read_file(folder / "identity/spectrum.svg"), "moved by 0.1"));
}

TEST_CASE("one trajectory is cut, and too short ones are refused", "[spectrum][cli]") {
  const TempDir folder;
  std::ostringstream csv;
  for (const auto& [x, y] : spiral(1, 20)) csv << x << ',' << y << '\n';
  write_atomically(folder / "one.csv", csv.str());
  const test::Result one = test::run(folder.path(), {"spectrum", "--data", "one.csv"});
  INFO(one.output);
  CHECK(one.code == 0);
  CHECK_THAT(one.output, mentions("1 trajectories of 2 coordinates with 15 steps", "resamples"));
  const auto refused = [&](const std::vector<std::string>& words, const Mentions& expected) {
    const test::Result result = test::run(folder.path(), words);
    CHECK(result.code == 1);
    CHECK_THAT(result.output, expected);
  };
  write_atomically(folder / "short.csv", "1,2\n2,3\n3,4\n");
  refused({"spectrum", "--data", "short.csv"}, mentions("one trajectory of 3 times", "at least 4"));
  refused({"spectrum", "--data", "one.csv", "--held-out", "1"}, mentions("expected more trajectories"));
  refused({"spectrum", "--data", "one.csv", "one.csv", "--held-out", "2"}, mentions("--held-out 2 of 2"));
  refused({"spectrum", "--data", "one.csv", "--sizes", "3"}, mentions("--sizes", "--data"));
  refused({"spectrum", "hopf", "--data", "one.csv"}, mentions("2 of SYSTEM, --data and --matrix"));
  refused({"spectrum"}, mentions("0 of SYSTEM, --data and --matrix"));
}

TEST_CASE("spectrum reads the case of a given matrix", "[spectrum][cli]") {
  const TempDir folder;
  write_npy(folder / "k.npy", Tensor::from({1, 1, 0, 1}, {2, 2}, f64));
  const test::Result jordan = test::run(folder.path(), {"spectrum", "--matrix", "k.npy", "--output", "k"});
  INFO(jordan.output);
  CHECK(jordan.code == 0);
  CHECK_THAT(jordan.output, mentions("k.npy: case (iv) diverges", "2 at 1"));
  for (const char* name : {"spectrum.svg", "spectrum.json", "modes.npy"})
    CHECK(fs::exists(folder / "k" / name));
  CHECK_FALSE(fs::exists(folder / "k/readout.npy"));
  write_atomically(folder / "k.csv", "0.5,0\n0,-1\n");
  CHECK_THAT(test::run(folder.path(), {"spectrum", "--matrix", "k.csv"}).output,
             mentions("case (iii) oscillates"));
  const test::Result idle =
      test::run(folder.path(), {"spectrum", "--matrix", "k.csv", "--dictionary", "fourier"});
  CHECK(idle.code == 1);
  CHECK_THAT(idle.output, mentions("--dictionary", "--matrix"));
}

TEST_CASE("contour lines follow the level, closed or from edge to edge", "[chart]") {
  drawing::Grid grid;
  for (int i = -10; i <= 10; ++i) grid.x.push_back(.1 * i);
  grid.y = grid.x;
  for (const double y : grid.y)
    for (const double x : grid.x) grid.values.push_back(x * x + y * y);
  const drawing::ContourLines circle = drawing::contour(grid, .5);
  REQUIRE(circle.x.size() > 40);
  CHECK(circle.x.front() == circle.x[circle.x.size() - 2]);
  CHECK(circle.y.front() == circle.y[circle.y.size() - 2]);
  CHECK(std::isnan(circle.x.back()));
  for (std::size_t k = 0; k + 1 < circle.x.size(); ++k)
    CHECK(std::hypot(circle.x[k], circle.y[k]) == Approx(std::sqrt(.5)).epsilon(.01));
  std::size_t corners = 0;
  const drawing::ContourLines four = drawing::contour(grid, 1.5);
  for (const double x : four.x) corners += std::isnan(x);
  CHECK(corners == 4);
  CHECK(drawing::contour(grid, 3).x.empty());
  // Two corners of one cell that face each other.
  const drawing::ContourLines saddle = drawing::contour({{0, 1}, {0, 1}, {1, 0, 0, 1}}, .4);
  CHECK(saddle.x.size() == 6);
}

}  // namespace stillpoint
