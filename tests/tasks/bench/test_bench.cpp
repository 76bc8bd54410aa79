// Checks how the bench command measures, writes and compares rows, on workloads whose cost is known.
#include <cmath>
#include <sstream>
#include <thread>

#include "engine/io/files.h"
#include "tasks/bench/results/compare.h"
#include "tasks/bench/results/table.h"
#include "tasks/bench/sweep.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace stillpoint::bench {
namespace {

using test::TempDir;

// A call that sleeps, and holds `held` bytes in two tensors during it.
Workload sleeper(std::chrono::microseconds time, std::size_t held = 0) {
  return {.name = "kernel/sleep",
          .summary = "sleeps",
          .usual = {.batch = 2},
          .axes = {.batch = true},
          .make = [=](const Sizes& sizes, Device) {
            Call call;
            call.work = {.flops = 2e6, .nominal_flops = 2e6, .bytes = 1e6};
            call.examples = sizes.batch;
            call.run = [=] {
              const Tensor a = Tensor::empty({Index(held / 8)}), b = Tensor::empty({Index(held / 8)});
              std::this_thread::sleep_for(time);
            };
            return call;
          }};
}

Row measured(const Workload& w, int rounds = 3, double seconds = 0.05) {
  Measurement m({.workload = &w, .sizes = w.usual});
  m.warm_up(seconds);
  for (int i = 0; i < rounds; ++i) m.round(seconds);
  return m.row();
}

Document document_of(std::vector<Row> rows) { return {{{"processor", "a test"}}, std::move(rows)}; }

Row named(const std::string& workload, Sizes sizes = {.batch = 1}) {
  Row row;
  row.workload = workload;
  row.sizes = std::move(sizes);
  row.device = "cpu";
  row.precision = "float32";
  row.threads = 1;
  row.ms = timing_of({{2, 2, 2}, {2.1, 2.1, 2.1}, {1.9, 1.9, 1.9}}, 1);
  row.work = {.flops = 4e6, .nominal_flops = 4e6, .bytes = 1e6};
  row.roof = {.gflops = 100, .gbytes = 1};
  return row;
}

std::string table(const Document& document, Format format) {
  std::ostringstream out;
  write_table(out, document, format);
  return out.str();
}

}  // namespace

TEST_CASE("a timing holds the median, its interval and the tenths of all samples", "[bench]") {
  std::vector<double> samples;
  for (int i = 0; i < 100; ++i) samples.push_back((i * 37) % 100);  // 0 to 99, in no order
  const Timing timing = timing_of({samples, {1000}}, 7);
  CHECK(timing.median == 50);
  CHECK(timing.p10 == 10);
  CHECK(timing.p90 == 90);
  CHECK(timing.low == 40);  // ranks (101 -+ 1.96 sqrt(101)) / 2
  CHECK(timing.high == 61);
  CHECK(timing.calls == 7 * 101);
  CHECK(timing.rounds == std::vector<double>{50, 1000});
  CHECK(std::isnan(timing_of({}, 1).median));
}

TEST_CASE("a measurement times every call and counts the memory that it holds", "[bench]") {
  const std::size_t held = std::size_t(1) << 20;  // a size that the pool does not round
  const Row row = measured(sleeper(std::chrono::milliseconds(2), held));
  CHECK(row.ms.median > 2);
  CHECK(row.ms.median < 20);
  CHECK(row.ms.low <= row.ms.median);
  CHECK(row.ms.high >= row.ms.median);
  CHECK(row.ms.rounds.size() == 3);
  CHECK(row.ms.calls >= 9);
  CHECK(row.memory_bytes == Approx(double(held)).epsilon(0.05));
#ifdef __SANITIZE_ADDRESS__  // the pool keeps no memory then
  CHECK(row.allocations == 2);
#else
  CHECK(row.allocations == 0);
#endif
  CHECK(row.examples == 2);
  CHECK(row.roof.gflops > 0);
  CHECK(row.roof.gbytes > 0);
  CHECK(row.gflops() == Approx(2e6 / row.ms.median / 1e6));
}

TEST_CASE("calls too short for the clock are timed together", "[bench]") {
  Workload w = sleeper(std::chrono::microseconds(0));
  int calls = 0, prepared = 0;
  w.make = [&](const Sizes&, Device) {
    Call call;
    call.work = {.flops = 1, .bytes = 1};
    call.before = [&] { ++prepared; };
    call.run = [&] { ++calls; };
    return call;
  };
  const Row row = measured(w, 1, 0.01);
  CHECK(row.ms.calls > 100);
  CHECK(calls == prepared);
  CHECK(row.ms.median < 0.01);
}

TEST_CASE("the roof is the lower of the product's rate and the copy's at the row's intensity", "[bench]") {
  Row row = named("op/a");
  CHECK(row.intensity() == 4);
  CHECK(row.roof_gflops() == 4);  // 1 GB/s, 4 operations a byte
  CHECK(row.gflops() == Approx(2));
  CHECK(row.roof_share() == Approx(0.5));
  row.work.bytes = 1e3;
  CHECK(row.roof_gflops() == 100);
  row.work = {.flops = 0, .nominal_flops = 0, .bytes = 1e6};
  CHECK(row.roof_share() == Approx(0.5));  // 0.5 of 1 GB/s
}

TEST_CASE("a document survives its JSON, and a damaged one is refused by name", "[bench]") {
  Row row = named("step/copy-memory/deq", {.batch = 3, .evaluations = 30, .solver = "broyden"});
  row.solved = {30, 31};
  row.note = "a, \"b\"";
  const Json json = to_json(document_of({row}));
  const Document back = read_document(Json::parse(json.dump()), "old.json");
  REQUIRE(back.rows.size() == 1);
  CHECK(to_json(back) == json);
  CHECK(back.rows[0].sizes == row.sizes);
  CHECK(std::isnan(back.rows[0].times_sim));
  for (const char* member : {"workload", "ms", "ms_rounds", "roof_gbytes", "note", "batch"}) {
    Json missing = json, wrong = json;
    missing["rows"][0].erase(member);
    wrong["rows"][0][member] = Json::object();
    CHECK_THAT(error_text([&] { read_document(missing, "old.json"); }),
               mentions("old.json", member, "expected"));
    CHECK_THAT(error_text([&] { read_document(wrong, "old.json"); }),
               mentions("old.json", member, "expected"));
  }
  for (const Json& other : {Json(), Json::array(), Json{{"rows", Json::array()}}})
    CHECK_THAT(error_text([&] { read_document(other, "old.json"); }),
               mentions("old.json", "not a result of the bench"));
  Json later = json;
  later["format_version"] = 99;
  CHECK_THAT(error_text([&] { read_document(later, "old.json"); }), mentions("format version 99"));
}

TEST_CASE("a comparison finds a kernel that got slower, and only beyond noise", "[bench]") {
  const Workload slow = sleeper(std::chrono::microseconds(3000)),
                 fast = sleeper(std::chrono::microseconds(1500));
  const Document before = document_of({measured(fast)}), after = document_of({measured(slow)});
  std::ostringstream out;
  CHECK_FALSE(compare(out, before, after, 0.1));
  CHECK_THAT(out.str(), mentions("kernel/sleep", "SLOWER", "1 slower by more than 10 %"));
  CHECK(compare(out, after, before, 0.1));
  CHECK(compare(out, before, after, 9));
  CHECK(compare(out, before, before, 0));
  Row noisy = before.rows[0];
  noisy.ms = timing_of({{1, 1, 1}, {9, 9, 9}}, 1);
  CHECK(compare(out, before, document_of({noisy}), 0.1));
  CHECK_THAT(error_text([&] { compare(out, before, document_of({named("op/other")}), 0.1); }),
             mentions("--compare", "none of these rows"));
}

TEST_CASE("a sweep multiplies the sizes that a workload follows, and refuses others", "[bench]") {
  Sweep sweep{.patterns = {"step/copy-memory/*"}, .batch = {1, 2}, .evaluations = {5, 6, 7}};
  std::size_t deq = 0, sims = 0;
  for (const Setting& s : settings_of(sweep, Device::cpu)) {
    (s.workload->axes.evaluations ? deq : sims) += 1;
    CHECK((s.sizes.batch == 1 || s.sizes.batch == 2));
    if (s.workload->axes.evaluations) CHECK((s.sizes.evaluations >= 5 && s.sizes.tolerance == 0));
  }
  CHECK(deq == 6);
  CHECK(sims == 6);  // three models at two batches
  sweep = {.patterns = {"step/*/deq"},
           .solvers = {"broyden", "anderson"},
           .precisions = {"float32", "bf16"},
           .threads = {1, 2, 3}};
  CHECK(settings_of(sweep, Device::cpu).size() == 12);
  sweep = {.patterns = {"step/*/deq"}, .solvers = {"broydn"}};
  CHECK_THAT(error_text([&] { settings_of(sweep, Device::cpu); }),
             mentions("--solver", "did you mean 'broyden'"));
  sweep = {.patterns = {"step/pixels/*"}, .evaluations = {5}};
  CHECK_THAT(error_text([&] { settings_of(sweep, Device::cpu); }), mentions("--evaluations", "--list"));
  CHECK_THAT(error_text([&] { chosen({"step/copy-memory/deg"}); }),
             mentions("did you mean 'step/copy-memory/deq'"));
  const std::string far = error_text([&] { chosen({"zebra"}); });
  CHECK_THAT(far, mentions("zebra", "--list"));
  CHECK(far.find("did you mean") == std::string::npos);
}

TEST_CASE("a DEQ's time is divided by that of the SIM at its batch", "[bench]") {
  std::vector<Row> rows{named("step/copy-memory/sim-single", {.batch = 1}),
                        named("step/copy-memory/deq", {.batch = 1}),
                        named("step/copy-memory/deq", {.batch = 2})};
  rows[0].ms.median = 0.5;
  compare_with_sims(rows);
  CHECK(rows[1].times_sim == Approx(4));
  CHECK(std::isnan(rows[0].times_sim));
  CHECK(std::isnan(rows[2].times_sim));
}

TEST_CASE("tables show what differs, in every format", "[bench]") {
  Row other = named("op/b_c|d");
  other.threads = 2;
  const Document document = document_of({named("op/a"), other});
  const std::string text = table(document, Format::text), md = table(document, Format::md),
                    latex = table(document, Format::latex), csv = table(document, Format::csv);
  CHECK_THAT(text, mentions("workload", "threads", "op/b_c|d", "of roof", "50 %"));
  CHECK(text.find("precision") == std::string::npos);  // the same in both rows
  CHECK(text.find("x SIM") == std::string::npos);      // empty
  CHECK_THAT(md, mentions("| workload", "|---", "op/b_c\\|d"));
  CHECK_THAT(latex, mentions("\\begin{tabular}", "op/b\\_c", "50 \\%"));
  CHECK_THAT(csv, mentions("workload,program,", "\nop/a,stillpoint,cpu,float32,1,"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 3);
  CHECK(Json::parse(table(document, Format::json)) == to_json(document));
}

TEST_CASE("the bench command measures, writes its files and compares them", "[bench][cli]") {
  const TempDir folder;
  const auto bench = [&](std::vector<std::string> more) {
    more.insert(more.begin(), "bench");
    return test::run(folder.path(), more);
  };
  const test::Result first =
      bench({"step/copy-memory/sim-single", "step/copy-memory/deq", "--length", "16", "--evaluations", "3",
             "--device", "cpu", "--batch", "1,2", "--seconds", "0.02", "--out", "results"});
  CHECK(first.code == 0);
  CHECK_THAT(first.output, mentions("x SIM", "broyden", "batch 2"));
  for (const char* file : {"bench.md", "bench.json", "roofline.svg", "batch.svg", "memory.svg"})
    CHECK(std::filesystem::exists(folder.path() / "results" / file));
  const Json json = Json::parse(read_file(folder.path() / "results/bench.json"));
  REQUIRE(json["rows"].size() == 4);
  CHECK(json["machine"]["command"].get<std::string>().find("--batch 1,2") != std::string::npos);
  for (const char* fact : {"stillpoint", "compiler", "processor", "instructions", "oneDNN", "date", "rounds"})
    CHECK(json["machine"].contains(fact));
  CHECK(bench({"step/copy-memory/sim-single", "--length", "16", "--device", "cpu", "--seconds", "0.02",
               "--compare", "results/bench.json", "--worse", "1000%"})
            .code == 0);
}

TEST_CASE("the bench command refuses what it cannot measure, and leaves nothing", "[bench][cli]") {
  const TempDir folder;
  write_atomically(folder.path() / "odd.json", "{\"rows\": []}");
  const std::vector<std::pair<std::vector<std::string>, std::string>> bad{
      {{"steps/*"}, "--list"},
      {{"step/copy-memory/deg"}, "did you mean"},
      {{"--batch", "0"}, "--batch"},
      {{"--batch", "1,x"}, "--batch"},
      {{"--threads", "-1"}, "--threads"},
      {{"--precision", "int8"}, "--precision"},
      {{"--tolerance", "nan"}, "--tolerance"},
      {{"--worse", "5%"}, "--compare"},
      {{"--compare", "missing.json"}, "missing.json"},
      {{"--compare", "odd.json"}, "odd.json"},
      {{"--compare", "odd.json", "--worse", "much"}, "--worse"},
      {{"--peer", "tensorflow"}, "--peer"},
      {{"--peer", "torch-graph"}, "expected --device cuda"},
      {{"step/*/mondeq-multi", "--peer", "jax"}, "for workloads that it does not have"},
      {{"step/*/deq", "--peer", "torch", "--tolerance", "1e-3"}, "expected --evaluations"},
      {{"--python", "python3"}, "no --peer"},
      {{"--precision", "tf32"}, "given tf32 on the CPU"},
      {{"--out", "odd.json"}, "odd.json"},
      {{"step/pixels/*", "--evaluations", "3"}, "--evaluations"},
  };
  for (const auto& [arguments, word] : bad) {
    std::vector<std::string> all{"bench", "--device", "cpu"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const test::Result result = test::run(folder.path(), all);
    INFO(arguments[0] << ": " << result.output);
    CHECK(result.code != 0);
    CHECK_THAT(result.output, mentions(word));
  }
  for (const char* flag : {"--peer", "--threads", "--rounds"}) {
    const test::Result result = test::run(folder.path(), {"bench", "--device", "emulated", flag,
                                                          std::string(flag) == "--peer" ? "torch" : "1"});
    CHECK(result.code != 0);
    CHECK_THAT(result.output, mentions(text(flag, ": given with --device emulated")));
  }
  // One row that cannot be made does not end the others.
  const test::Result result =
      test::run(folder.path(), {"bench", "step/mnist/sim-single", "--device", "cpu", "--length", "2,8",
                                "--batch", "2", "--seconds", "0.01"});
  CHECK(result.code == 1);
  CHECK_THAT(result.output, mentions("length 2", "is left out", "batch 2, length 8"));
}

}  // namespace stillpoint::bench
