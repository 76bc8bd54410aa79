// Tests charts: nothing is cut, whatever the values and names are; axes, labels, files, and the figures of
// bench.
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

#include "engine/io/files.h"
#include "tasks/bench/results/figures.h"
#include "tasks/drawing/csv.h"
#include "tasks/drawing/lettering.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/markup.h"
#include "tests/support/temp_dir.h"

namespace stillpoint::drawing {
namespace {

using test::contains;
using test::count_of;
using test::TempDir;

constexpr double inf = INFINITY, tiny = std::numeric_limits<double>::denorm_min();

Chart chart_of(std::vector<double> x, std::vector<double> y, Scale scale, Look look = Look::line) {
  return {.title = "loss",
          .x = {.name = "step"},
          .y = {.name = "loss", .scale = scale},
          .series = {{.label = "train", .note = "1.25", .look = look, .x = std::move(x), .y = std::move(y)}}};
}

std::string checked(const Chart& chart) {
  const std::string svg = svg_of({chart});
  INFO(svg);
  CHECK(test::unbalanced(svg) == "");
  CHECK(test::outside(svg) == "");
  return svg;
}

Axis axis_of(Scale scale, const std::vector<double>& values) {
  return fitted({.name = "", .scale = scale}, values);
}

}  // namespace

TEST_CASE("chart: no coordinate leaves the viewBox, whatever the values are", "[chart]") {
  const std::vector<std::vector<double>> values = {{},
                                                   {NAN, inf, -inf},
                                                   {7},
                                                   {0},
                                                   {-3},
                                                   {1e300},
                                                   {5, 5, 5},
                                                   {1e300, -1e308},
                                                   {tiny, 1e308},
                                                   {0, 1, 1e-9},
                                                   {1, NAN, 2},
                                                   {-1e-300, 1e-300},
                                                   {1, 1 + 1e-16},
                                                   {-2, -1, -1.5},
                                                   {123456789, 123456790},
                                                   {1e5, 2e5, 1e5}};
  for (const std::vector<double>& v : values)
    for (const Scale scale : {Scale::linear, Scale::logarithmic, Scale::by_values})
      for (const Look look : {Look::line, Look::steps, Look::points, Look::limit}) {
        std::vector<double> steps;
        for (std::size_t i = 0; i < v.size(); ++i) steps.push_back(10.0 * double(i));
        checked(chart_of(steps, v, scale, look));
        Chart turned = chart_of(v, steps, scale, look);
        turned.x.scale = scale;
        checked(turned);
        turned.unit_circle = true;
        checked(turned);
      }
}

TEST_CASE("chart: what has no point says so, and one point is drawn", "[chart]") {
  for (const std::vector<double>& y : {std::vector<double>{NAN}, {-1.0}, {0.0}})
    CHECK(contains(checked(chart_of({1}, y, Scale::logarithmic)), "No finite value to draw."));
  CHECK(contains(checked(chart_of({1}, {2}, Scale::logarithmic)), "<circle"));
  CHECK(contains(checked(chart_of({}, {}, Scale::linear)), "No finite value to draw."));
}

TEST_CASE("chart: the check of places finds what is outside", "[chart]") {
  const std::string svg = checked(chart_of({1, 2, 3}, {1, 2, 4}, Scale::linear));
  for (const auto& [inside, beyond] :
       {std::pair{"cx=\"", "cx=\"40"},
        {"y1=\"", "y1=\"90"},
        {"d=\"M", "d=\"M50"},
        {">train", ">train train train train train train train train train train train train"}}) {
    std::string moved = svg;
    moved.replace(moved.find(inside), std::string(inside).size(), beyond);
    CHECK(test::outside(moved) != "");
  }
}

TEST_CASE("chart: long and odd names are wrapped, kept and escaped", "[chart]") {
  const std::string runs = "runs/copy-memory-single-", word(300, 'w');
  Chart chart = chart_of({1, 2}, {1, 2}, Scale::linear);
  chart.title = "<b>&\"'" + std::string(90, 'M') + "\n\x01\xff";
  chart.x.name = "<x>";
  chart.y.name = "</svg>";
  for (const std::string& name :
       {runs + word, std::string("</text><script>"), std::string("größe µ 學習"), std::string(" ")})
    chart.series.push_back({.label = name, .note = "<i>", .style = 7, .x = {1, 2}, .y = {3, 4}});
  const std::string svg = checked(chart);
  for (const char* markup : {"<b>", "<script", "<x>", "<i>", "\x01", "\xff"})
    CHECK_FALSE(contains(svg, markup));
  CHECK(count_of(svg, "</svg>") == 2);
  std::string whole;
  for (const std::string& line : wrapped(runs + word, 360)) {
    CHECK(width_of(line) <= 360);
    whole += line;
  }
  CHECK(whole == runs + word);
}

TEST_CASE("chart: ticks span every axis", "[chart]") {
  for (const auto& [low, high] : {std::pair{0.5, 2.3},
                                  {3.0, 4.5},
                                  {1e-12, 1.0},
                                  {1.0, 1000.0},
                                  {2e-10, 9e-9},
                                  {1e-280, 1e280},
                                  {0.9, 11.0}}) {
    const Axis axis = axis_of(Scale::logarithmic, {low, high});
    INFO(low << " to " << high);
    REQUIRE((axis.ticks.size() >= 2 && axis.ticks.size() <= 7));
    const double share =
        (std::log(axis.ticks.back()) - std::log(axis.ticks[0])) / (std::log(axis.high) - std::log(axis.low));
    CHECK(share > 0.5);
    CHECK((axis.low <= low && axis.high >= high && axis.low > low * 0.5 * std::pow(low / high, 0.05)));
  }
  CHECK(axis_of(Scale::by_values, {1, 0.01}).log);
  CHECK_FALSE(axis_of(Scale::by_values, {1, 0.02}).log);
  CHECK(axis_of(Scale::linear, {1, 100}).low == 0);
  CHECK(axis_of(Scale::linear, {90, 100}).low > 80);
  Axis many = fitted(
      {.name = "", .scale = Scale::logarithmic, .ticks = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}}, {1, 512});
  many.resize(0, 350);
  CHECK(many.ticks.size() == 10);
  many.resize(0, 120);
  CHECK((many.ticks.size() < 10 && many.ticks.size() >= 3));
  const auto ticks_of = [](std::vector<double> given) {
    return fitted({.name = "", .scale = Scale::logarithmic, .ticks = std::move(given)}, {1, 4}).ticks;
  };
  CHECK(ticks_of({1, 4}) == std::vector<double>{1, 4});
  CHECK(ticks_of({900}).size() >= 3);  // outside of the axis
}

TEST_CASE("chart: steps keep a value until the next one, and a gap lifts the pen", "[chart]") {
  const auto path = [](Look look, std::vector<double> y) {
    const std::string svg = checked(chart_of({0, 5, 10}, std::move(y), Scale::linear, look));
    const std::size_t at = svg.find(" d=\"M") + 4;
    return test::corners_of_path(svg.substr(at, svg.find('"', at) - at));
  };
  const auto steps = path(Look::steps, {3, 2, 1});
  REQUIRE(steps.size() == 5);
  CHECK((steps[0].y == steps[1].y && steps[1].x == steps[2].x && steps[2].y == steps[3].y));
  CHECK(path(Look::line, {3, 2, 1}).size() == 3);
  const std::string svg = svg_of({chart_of({0, 5, 10, 15}, {1, NAN, 2, 3}, Scale::linear)});
  CHECK(contains(svg, "h0M"));
}

TEST_CASE("chart: names of points do not cover each other, and crowded ones are listed", "[chart]") {
  Chart chart = chart_of({}, {}, Scale::linear, Look::points);
  for (int i = 0; i < 80; ++i) {
    chart.series[0].x.push_back(i % 9);
    chart.series[0].y.push_back(i % 11);
    chart.series[0].names.push_back(text("workload-", i));
  }
  std::string svg = checked(chart);
  for (int i = 0; i < 80; ++i) CHECK(count_of(svg, text(">workload-", i, "<")) == 1);
  for (auto* list : {&chart.series[0].x, &chart.series[0].y}) list->resize(3);
  chart.series[0].names.resize(3);
  svg = checked(chart);
  CHECK(count_of(svg, "class=\"name\"") == 3);
}

TEST_CASE("chart: a file has its own colours for light and dark, and its data beside it", "[chart]") {
  const TempDir dir;
  Chart chart = chart_of({1, 2}, {0.5, NAN}, Scale::linear);
  chart.series[0].label = "a, \"b\"";
  write_figure(dir.path(), "loss", chart);
  const std::string svg = read_file(dir / "loss.svg");
  CHECK_FALSE(contains(svg, "var("));
  for (const char* part :
       {"xmlns=\"http://www.w3.org/2000/svg\"", "prefers-color-scheme: dark", "#fcfcfa", "#14171a"})
    CHECK(contains(svg, part));
  CHECK(read_file(dir / "loss.csv") == "series,step,loss\n\"a, \"\"b\"\"\",1,0.5\n\"a, \"\"b\"\"\",2,nan\n");
  chart.series[0].y.pop_back();
  CHECK_THAT(error_text([&] { svg_of({chart}); }), mentions("2 x and 1 y"));
  chart.series[0].y.push_back(1);
  chart.series[0].names = {"only one"};
  CHECK_THAT(error_text([&] { svg_of({chart}); }), mentions("1 names and 2 points"));
  chart.series[0].names.clear();
  CHECK_THAT(error_text([&] { write_figure(dir / "absent", "loss", chart); }), mentions("loss.svg"));
}

TEST_CASE("chart: columns of a CSV file become series, and what is wrong with it is said", "[chart]") {
  const TempDir dir;
  Chart chart{.title = "", .x = {.name = "s"}, .y = {.name = "best"}};
  chart.series = {{.label = "a, \"b\"\nc", .x = {1, 2}, .y = {0.5, NAN}},
                  {.label = "d", .x = {3}, .y = {1e-9}}};
  write_atomically(dir / "data.csv", csv_of(chart) + "d,4,None\r\n");
  Chart read{.title = "", .x = {}, .y = {}};
  add_csv(read, dir / "data.csv", {.x = "s", .y = "best", .by = "series"}, Look::steps);
  REQUIRE(read.series.size() == 2);
  CHECK(read.series[0].label == chart.series[0].label);
  CHECK(read.series[1].x == std::vector<double>{3, 4});
  CHECK((read.series[1].y[0] == 1e-9 && std::isnan(read.series[1].y[1])));
  CHECK(read.series[1].note == "10⁻⁹");
  const auto error = [&](const std::string& csv, const char* y) {
    write_atomically(dir / "bad.csv", csv);
    return error_text([&] { add_csv(read, dir / "bad.csv", {.x = "s", .y = y}, Look::line); });
  };
  CHECK_THAT(error("", "best"), mentions("empty file"));
  CHECK_THAT(error("s,best\n1,2\n", "bests"), mentions("'bests'", "s, best", "did you mean 'best'?"));
  CHECK_THAT(error("s,best\n1,2\n\n1\n", "best"), mentions("1 values in row 2", "expected 2"));
}

}  // namespace stillpoint::drawing

namespace stillpoint::bench {
namespace {

Row row_of(const std::string& workload, Index batch, double ms) {
  Row row;
  row.workload = workload;
  row.sizes.batch = row.examples = batch;
  row.device = "cpu";
  row.precision = "float32";
  row.threads = 1;
  row.ms.median = ms;
  row.work = {.flops = 1e8 * double(batch), .nominal_flops = 0, .bytes = 1e7};
  row.roof = {.gflops = 180, .gbytes = 24};
  row.memory_bytes = 2e6 * double(batch);
  return row;
}

}  // namespace

TEST_CASE("bench figures: rows are points under their roofs, and steps are lines over the batch", "[chart]") {
  const test::TempDir dir;
  Document document;
  for (const Index batch : {1, 2, 4, 8})
    for (const char* model : {"copy-memory/sim-single", "copy-memory/deq", "pixels/sim-rff"})
      document.rows.push_back(
          row_of(text("step/", model), batch, model[0] == 'p' ? 2 : 1.0 + 0.1 * double(batch)));
  document.rows.push_back(row_of("op/<softplus>", 1, 1));
  document.rows.push_back(row_of("op/copy", 0, 1));
  document.rows.back().work.flops = 0;  // has no place on a roofline
  document.rows.push_back(row_of("step/failed/deq", 4, not_measured));
  document.rows.push_back(row_of("step/copy-memory/deq", 8, 3));
  document.rows.back().program = "torch-compile";
  CHECK(write_figures(document, dir.path()) ==
        std::vector<std::string>{"roofline.svg", "batch.svg", "memory.svg"});
  std::string svg = read_file(dir / "roofline.svg");
  for (const std::string name : {"roofline.svg", "batch.svg", "memory.svg"}) {
    svg = read_file(dir / name);
    CHECK(test::unbalanced(svg) == "");
    CHECK(test::outside(svg) == "");
  }
  svg = read_file(dir / "roofline.svg");
  for (const char* part :
       {">roof<", "180 GFLOP/s, 24 GB/s", ">&lt;softplus&gt;<", "copy-memory/deq, torch-compile"})
    CHECK(test::contains(svg, part));
  CHECK(test::count_of(svg, "GFLOP/s at") == 14);  // a title per row with arithmetic and a time
  CHECK_FALSE(test::contains(svg, "failed"));
  svg = read_file(dir / "batch.svg");
  CHECK(test::count_of(svg, "<svg") == 3);  // the file, and a panel for each of the two tasks
  CHECK(test::contains(svg, "sim-single<tspan class=\"note\" dx=\"6\">4,444<"));  // 8 examples in 1.8 ms
  CHECK(test::contains(read_file(dir / "memory.svg"), "memory (MB)"));
}

TEST_CASE("bench figures: what was not measured makes no figure, and what was swept is in the names",
          "[chart]") {
  const test::TempDir dir;
  Document document;
  CHECK(write_figures(document, dir.path()).empty());
  document.rows.push_back(row_of("step/copy-memory/deq", 1, not_measured));
  document.rows[0].memory_bytes = not_measured;
  CHECK(write_figures(document, dir.path()).empty());
  document.rows = {row_of("eval/copy-memory/deq", 1, 1), row_of("eval/copy-memory/deq", 1, 2)};
  document.rows[1].threads = 2;
  document.rows[1].roof.gflops = 300;
  document.rows[1].sizes.solver = "anderson";
  CHECK(write_figures(document, dir.path()) == std::vector<std::string>{"roofline.svg"});
  const std::string svg = read_file(dir / "roofline.svg");
  for (const char* part : {">roof, 1 thread<", ">roof, 2 threads<", "copy-memory/deq, 2 threads, anderson"})
    CHECK(test::contains(svg, part));
}

}  // namespace stillpoint::bench
