// Tests the HTML report: escaping, ticks, thinning, damaged and unfinished runs, more than one run, and a
// page without external files.
#include <algorithm>
#include <cmath>
#include <regex>
#include <string>
#include <vector>

#include "engine/io/files.h"
#include "tasks/drawing/chart.h"
#include "tasks/drawing/html.h"
#include "tasks/drawing/scale.h"
#include "tasks/io/image.h"
#include "tasks/io/metrics.h"
#include "tasks/io/numbers.h"
#include "tasks/report/report.h"
#include "tasks/report/run_tables.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/markup.h"
#include "tests/support/temp_dir.h"

namespace stillpoint::report {
namespace {

using namespace drawing;

namespace fs = std::filesystem;
using test::contains;
using test::count_of;
using test::TempDir;
using test::write_bytes;

struct FakeRun {
  std::string task = "copy-memory";
  Json config = {{"model", "single"}, {"lr", 0.001}, {"epochs", 2}};
  std::string log = R"({"step":5,"epoch":1,"time":1.5,"split":"train","loss":2.5,"grad_norm":1.0})"
                    "\n"
                    R"({"step":10,"epoch":1,"time":3.5,"split":"valid","loss":2.25,"accuracy":0.25})"
                    "\n"
                    R"({"step":20,"epoch":2,"time":6.5,"split":"valid","loss":1.25,"accuracy":0.75})"
                    "\n";
  Json results = {{"parameters", 12345},
                  {"steps", 20},
                  {"seconds", 7.5},
                  {"metrics", {{"test", {{"loss", 1.5}, {"accuracy", 0.5}}}}}};
};

fs::path write_run(const TempDir& dir, const std::string& name, const FakeRun& run) {
  const fs::path folder = dir / name;
  make_folder(folder);
  write_bytes(folder / "config.json", Json{{"task", run.task}, {"config", run.config}}.dump());
  if (!run.log.empty()) write_bytes(folder / "metrics.jsonl", run.log);
  if (!run.results.is_null()) write_bytes(folder / "results.json", run.results.dump());
  return folder;
}

std::string page_of(const std::vector<fs::path>& folders) {
  std::vector<RunData> runs;
  for (const fs::path& folder : folders) runs.push_back(read_run(folder));
  return page(std::move(runs));
}

std::string unbalanced(const std::string& html) { return test::unbalanced(html, html.find('>') + 1); }

// Returns the contrast of two colours #rrggbb according to WCAG 2.
double contrast(const std::string& a, const std::string& b) {
  const auto luminance = [](const std::string& hex) {
    const double weight[] = {0.2126, 0.7152, 0.0722};
    double sum = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      const double v = std::stoi(hex.substr(1 + 2 * c, 2), nullptr, 16) / 255.0;
      sum += weight[c] * (v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4));
    }
    return sum;
  };
  const double x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

// Returns the value of a custom property in the n-th theme.
std::string colour(const std::string& name, int theme) {
  const std::string css = style_sheet();
  std::size_t at = 0;
  for (int i = 0; i <= theme; ++i) at = css.find("--" + name + ": #", at + 1);
  REQUIRE(at != std::string::npos);
  return css.substr(at + name.size() + 4, 7);
}

}  // namespace

TEST_CASE("report: text is escaped, and bytes that are not text are replaced", "[report]") {
  CHECK(escaped("<b a=\"1\">'&") == "&lt;b a=&quot;1&quot;&gt;&#39;&amp;");
  CHECK(escaped("λ = 1, 10⁻³ \xf0\x9f\x8d\x80") == "λ = 1, 10⁻³ \xf0\x9f\x8d\x80");
  const std::string bad = "\xef\xbf\xbd";
  CHECK(escaped("a\x01z") == "a" + bad + "z");
  CHECK(escaped("\xff\xc0\xaf") == bad + bad + bad);  // not UTF-8; an overlong slash
  CHECK(escaped("\xe2\x82") == bad + bad);            // truncated
  CHECK(escaped("\xed\xa0\x80") == bad + bad + bad);  // a surrogate
  CHECK(escaped("\xe2\x3c\x82") == bad + "&lt;" + bad);
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xff\xfe") == "//4=");
}

TEST_CASE("report: ticks are round and within the axis", "[report]") {
  CHECK(linear_ticks(0, 5064, 6) == std::vector<double>{0, 1000, 2000, 3000, 4000, 5000});
  CHECK(linear_ticks(0.9, 0.9933, 6) == std::vector<double>{0.9, 0.92, 0.94, 0.96, 0.98});
  CHECK(linear_ticks(-1e308, 1e308, 6).empty());
  CHECK(linear_ticks(-1.2, 1.2, 6) == std::vector<double>{-1, -0.5, 0, 0.5, 1});
  for (const double low : {0.3, 0.99, 1e17})
    CHECK(linear_ticks(low, std::nextafter(low, 1e18), 6).size() <= 6);
  CHECK(log_ticks(2e-4, 3, 6) == std::vector<double>{1e-3, 1e-2, 1e-1, 1});
  CHECK(log_ticks(0.15, 30, 6) == std::vector<double>{0.2, 0.5, 1, 2, 5, 10, 20});
  CHECK(log_ticks(1e-12, 1, 6).size() <= 7);
  for (const double high : {1e-7, 0.3, 7.0, 123.0, 9.9e8}) {
    const std::vector<double> ticks = linear_ticks(0.1 * high, high, 6);
    CHECK((ticks.size() >= 2 && ticks.size() <= 6));
    CHECK((ticks.front() >= 0.0999999 * high && ticks.back() <= 1.0000001 * high));
  }
  CHECK(tick_labels({0, 2000, 10000}, false) == std::vector<std::string>{"0", "2,000", "10,000"});
  CHECK(tick_labels({0, 0.25, 0.5}, false) == std::vector<std::string>{"0", "0.25", "0.50"});
  CHECK(tick_labels({0.01, 0.1, 1, 10}, true) == std::vector<std::string>{"0.01", "0.1", "1", "10"});
  CHECK(tick_labels({0, 2e-5, 4e-5}, false) == std::vector<std::string>{"0", "2·10⁻⁵", "4·10⁻⁵"});
  CHECK(tick_labels({-1, 1}, false) == std::vector<std::string>{"−1", "1"});
  CHECK(readable(0.99331) == "0.9933");
  CHECK(readable(80466) == "80,466");
  CHECK(readable(-1234.56) == "−1,235");
  CHECK(readable(0.0005) == "0.0005000");
  CHECK(readable(2.5e7 + 0.5) == "2.5·10⁷");
  CHECK(readable(1.2e-5) == "1.2·10⁻⁵");
  CHECK(readable(NAN) == "–");
}

TEST_CASE("report: thinning keeps ends, extremes and gaps", "[report]") {
  std::vector<double> y(20000);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::sin(0.01 * double(i));
  y[12345] = 9;
  y[12346] = -9;
  y[777] = NAN;
  const std::vector<std::size_t> kept = thinned(y, most_vertices);
  CHECK(kept.size() <= most_vertices);
  CHECK(kept.size() > most_vertices / 2);
  CHECK(std::is_sorted(kept.begin(), kept.end()));
  CHECK(std::adjacent_find(kept.begin(), kept.end()) == kept.end());
  for (const std::size_t i : {0, 777, 12345, 12346, 19999})
    CHECK(std::count(kept.begin(), kept.end(), i) == 1);
  CHECK(thinned({3, 1, 2}, 5) == std::vector<std::size_t>{0, 1, 2});
}

TEST_CASE("report: an axis is logarithmic where positive values span decades", "[report]") {
  CHECK(spans_decades({1, 0.01, NAN}));
  CHECK_FALSE(spans_decades({1, 0.02}));
  CHECK_FALSE(spans_decades({1, 0.001, 0}));
  CHECK_FALSE(spans_decades({}));
}

TEST_CASE("report: the best value depends on the metric", "[report]") {
  CHECK(better_direction("accuracy") == 1);
  CHECK(better_direction("psnr_clamped") == 1);
  CHECK(better_direction("loss_recalled") == -1);
  CHECK(better_direction("evaluations") == 0);
  CHECK(best_of({1, 3, NAN, 3}, 1) == std::vector<bool>{false, true, false, true});
  CHECK(best_of({1, 3}, -1) == std::vector<bool>{true, false});
  CHECK(best_of({1, NAN}, 1) == std::vector<bool>{false, false});  // there is nothing to compare with
  CHECK(best_of({1, 3}, 0) == std::vector<bool>{false, false});
}

TEST_CASE("report: the check of tags finds what is wrong", "[report]") {
  CHECK(unbalanced("<!DOCTYPE html><p a=\"1\">x<br /></p>").empty());
  CHECK(contains(unbalanced("<!DOCTYPE html><p><b></p></b>"), "closes p"));
  CHECK(contains(unbalanced("<!DOCTYPE html><p>"), "left open"));
  CHECK(contains(unbalanced("<!DOCTYPE html><p a=1></p>"), "no tag"));
}

TEST_CASE("report: a page is balanced, stands alone and says what the run did", "[report]") {
  const TempDir dir;
  const std::string html = page_of({write_run(dir, "run-1", {})});
  CHECK(unbalanced(html) == "");
  for (const char* request :
       {"http:", "https:", "src=", "@import", "url(", "<script", "<link", "javascript:"}) {
    INFO(request);
    CHECK_FALSE(contains(html, request));
  }
  for (const char* part : {"<meta charset=\"utf-8\" />", "<title>run-1 – Stillpoint report</title>",
                           "width=device-width", "default-src &#39;none&#39;", "prefers-color-scheme: dark",
                           "@media print", "<th scope=\"row\">parameters</th>", "12,345", "finished",
                           "class=\"by-step\"", "class=\"by-epoch\"", "class=\"by-time\"", "role=\"img\""}) {
    INFO(part);
    CHECK(contains(html, part));
  }
  CHECK(count_of(html, "role=\"img\"") == count_of(html, "role=\"img\" aria-label=\""));
  CHECK_FALSE(contains(html, "class=\"remarks\""));
}

TEST_CASE("report: names and settings from files cannot become markup", "[report]") {
  const TempDir dir;
  FakeRun run;
  run.config["note"] = "</style><img onerror=\"alert(1)\">";
  run.log += R"({"step":30,"epoch":3,"time":9,"split":"<i>","<u>\"":1,"loss":1})"
             "\n";
  run.results["metrics"]["<svg onload=x>"] = {{"<b>", 1}};
  const std::string html = page_of({write_run(dir, "<script>alert(1)<", run)});
  CHECK(unbalanced(html) == "");
  CHECK(contains(html, "&lt;script&gt;"));
  for (const char* markup : {"<script", "<img", "<i>", "<u>", "<svg onload", "</style><"}) {
    INFO(markup);
    CHECK_FALSE(contains(html, markup));
  }
}

TEST_CASE("report: what is missing or damaged is said", "[report]") {
  const TempDir dir;
  FakeRun unfinished;
  unfinished.results = Json();
  unfinished.log += R"({"step":30,"epoch":3,"time":9,"split":"val)";
  std::string html = page_of({write_run(dir, "unfinished", unfinished)});
  CHECK(contains(html, "is not finished (no results.json)"));
  CHECK(contains(html, "half-written"));
  CHECK(contains(html, "unfinished, epoch 2 of 2"));
  CHECK(contains(html, "<th scope=\"row\">valid accuracy</th>\n<td>0.7500</td>"));

  FakeRun silent;
  silent.log = "";
  html = page_of({write_run(dir, "silent", silent)});
  CHECK(contains(html, "has no metrics.jsonl"));
  CHECK_FALSE(contains(html, "role=\"img\""));

  FakeRun damaged;
  damaged.log = "not json\n" + damaged.log;
  const fs::path folder = write_run(dir, "damaged", damaged);
  write_bytes(folder / "results.json", "{");
  write_bytes(folder / "spectrum.json", "[]");
  write_bytes(folder / "prediction.png", "no png");
  write_bytes(folder / "confusion.csv", "label,a\na,1,2\n");
  html = page_of({folder});
  CHECK(unbalanced(html) == "");
  for (const char* part :
       {"its log cannot be read", "line 1", "its results.json cannot be read", "spectrum.json is left out",
        "a picture is left out", "confusion.csv is not a square"}) {
    INFO(part);
    CHECK(contains(html, part));
  }

  FakeRun infinite;
  infinite.log += R"({"step":30,"epoch":3,"time":9,"split":"valid","loss":null,"accuracy":0.5})"
                  "\n";
  html = page_of({write_run(dir, "infinite", infinite)});
  CHECK(contains(html, "valid loss has 1 value that is not finite"));
  CHECK(contains(html, "not finite at 30"));
}

TEST_CASE("report: a path that is not a run folder is an error", "[report]") {
  const TempDir dir;
  const auto error = [&](const std::vector<fs::path>& runs) {
    return error_text([&] { write_report(runs, dir / "report.html"); });
  };
  write_bytes(dir / "file", "x");
  make_folder(dir / "empty");
  CHECK_THAT(error({dir / "nowhere"}), mentions("nowhere", "does not exist", "expected the folder of a run"));
  CHECK_THAT(error({dir / "file"}), mentions("file", "expected the folder of a run"));
  CHECK_THAT(error({dir / "empty"}),
             mentions("empty", "without config.json", "expected the folder of a run"));
  write_bytes(dir / "empty" / "config.json", "{\"model\": 1}");
  CHECK_THAT(error({dir / "empty"}), mentions("config.json", "without a task"));
  const fs::path run = write_run(dir, "run", {});
  CHECK_THAT(error({run, dir / "empty" / ".." / "run"}), mentions("twice", "leave one out"));
  CHECK_FALSE(fs::exists(dir / "report.html"));
  Written written = write_report({run}, dir / "report.html");
  CHECK(written.bytes == fs::file_size(dir / "report.html"));
  written = write_report({dir / "empty", run, dir / "nowhere"}, dir / "report.html");
  REQUIRE(written.left_out.size() == 2);
  CHECK_THAT(written.left_out[0], mentions("config.json", "without a task"));
  CHECK_THAT(written.left_out[1], mentions("nowhere", "does not exist"));
  CHECK(contains(read_file(dir / "report.html"), "run"));
  CHECK_THAT(error({dir / "empty", dir / "nowhere"}), mentions("nowhere"));
}

TEST_CASE("report: runs of one task on the same data stand side by side, others apart", "[report]") {
  const TempDir dir;
  FakeRun better, other, elsewhere;
  better.config["lr"] = 0.003;
  better.results["metrics"]["test"]["accuracy"] = 0.875;
  other.task = elsewhere.task = "image-classification";
  other.config["dataset"] = "mnist";
  elsewhere.config["dataset"] = "cifar10";
  make_folder(dir / "x");
  const std::string html = page_of({write_run(dir, "a", {}), write_run(dir, "b", better),
                                    write_run(dir, "x/a", other), write_run(dir, "c", elsewhere)});
  CHECK(unbalanced(html) == "");
  for (const char* part : {"<h1>4 runs</h1>", ">copy-memory</h2>", ">image-classification, mnist</h2>",
                           ">image-classification, cifar10</h2>", "<span>x/a</span>", "Settings that differ",
                           "<strong>0.8750</strong>", "valid accuracy"}) {
    INFO(part);
    CHECK(contains(html, part));
  }
  CHECK(count_of(html, "<section") == 3);
  CHECK(count_of(html, "<td>0.003</td>") == 2);  // of b, once in each table of settings
  CHECK(contains(html, "valid loss by step: " + (dir.path().filename() / "a").string() + " 1.250, b 1.250"));
}

TEST_CASE("report: confusion, spectra and pictures are shown", "[report]") {
  const TempDir dir;
  const fs::path folder = write_run(dir, "run", {});
  write_bytes(folder / "confusion.csv", "label,cat,<dog>\ncat,3,1\n<dog>,0,4\n");
  make_folder(folder / "deq");
  write_bytes(
      folder / "deq" / "spectrum.json",
      R"json({"radius": 1, "tolerance": 1e-6, "case": "(ii)", "eigenvalues": [[1,0],[0.5,0.5],[0.5,-0.5],[0,1],[1.5,0]],
                  "dictionaries": [{"features": 8, "fit_error": 0.25}]
})json");
  const Image truth{2, 3, 3, std::vector<std::uint8_t>(18, 200)},
      prediction{2, 3, 3, std::vector<std::uint8_t>(18, 100)};
  write_png(folder / "prediction.png", prediction);
  write_png(folder / "truth_and_prediction.png", side_by_side(truth, prediction, 8));
  const std::string html = page_of({folder});
  CHECK(unbalanced(html) == "");
  for (const char* part :
       {"75.0 %", "100.0 %", "&lt;dog&gt;", "class=\"hit\"", "class=\"miss\"", "class=\"none\"",
        "eigenvalues on the complex plane", "class=\"unit\"", "0.5 − 0.5i", "dictionaries", "(ii)"}) {
    INFO(part);
    CHECK(contains(html, part));
  }
  CHECK(contains(html, "src=\"data:image/png;base64," + base64(encode_png(truth))));
  CHECK(contains(html, "src=\"data:image/png;base64," + base64(encode_png(prediction))));
  CHECK(count_of(html, "src=") == 2);
}

TEST_CASE("report: long logs are thinned and keep their peak", "[report]") {
  const TempDir dir;
  FakeRun run;
  run.log.clear();
  for (int i = 1; i <= 5000; ++i)
    run.log += text(R"({"step":)", i, R"(,"epoch":1,"time":)", i, R"(,"split":"train","loss":)",
                    i == 2500 ? 100 : 50, "}\n");
  const std::string html = page_of({write_run(dir, "long", run)});
  const std::size_t start = html.find("<path d=\"M", html.find("class=\"curve c0 d0\""));
  REQUIRE(start != std::string::npos);
  const std::string path = html.substr(start, html.find("/>", start) - start);
  CHECK(std::size_t(std::count(path.begin(), path.end(), ' ')) / 2 <= most_vertices);
  CHECK(contains(path, " 34"));  // the peak, near the upper edge at 27
}

TEST_CASE("report: colours keep their distance from the page in both themes", "[report]") {
  for (const int theme : {0, 1}) {
    for (const char* name : {"c0", "c1", "c2", "c3", "c4", "c5"}) {
      INFO(name << " of theme " << theme);
      CHECK(contrast(colour(name, theme), colour("paper", theme)) >=
            4.5);  // WCAG 2 asks for 3 for graphics and 4.5 for text
    }
    CHECK(contrast(colour("soft", theme), colour("paper", theme)) >= 4.5);
    CHECK(contrast(colour("ink", theme), colour("paper", theme)) >= 7);
  }
}

}  // namespace stillpoint::report
