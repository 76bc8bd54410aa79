// Compares the memory traffic of the performance kernels at the paper's sizes with the table in
// docs/kernel_traffic.md.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/kernel_profile/kernel_profile_cases.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"

namespace stillpoint::profile {
namespace {

const std::string page_path = STILLPOINT_SOURCE_DIR "/docs/kernel_traffic.md";
const std::string update_command =
    "STILLPOINT_UPDATE_TRAFFIC=1 build/no-cuda/tests/emulated/test_emulated \"[traffic]\"";
constexpr double tolerance = 0.02;

// The recorded counts are those of a release build: with less optimisation, g++ loads values again that
// kernels keep in registers.
bool counts_hold_here() {
#if STILLPOINT_RELEASE && STILLPOINT_CUB
  return simt::checks_accesses();
#else
  return false;
#endif
}

std::string read_page() {
  std::ifstream in(page_path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void record_short(Recorder& recorder) {
  record_tcn_general(recorder);
  record_heads(recorder);
  record_losses(recorder);
  record_optimiser(recorder);
  record_lift(recorder);
  record_embedding(recorder);
  record_elementwise(recorder);
  record_strided(recorder);
  record_deq_cell(recorder);
  record_solvers(recorder);
  record_splitting(recorder);
  record_frequencies(recorder);
  record_complex_inverse(recorder);
  record_conv2d(recorder);
  record_image_layers(recorder);
}

}  // namespace

TEST_CASE("no kernel's traffic is worse than the table in docs/kernel_traffic.md", "[cuda][traffic]") {
  if (!counts_hold_here()) return;
  Recorder recorder(1);
  for (std::int64_t dilation = 1; dilation <= 128; dilation *= 2) record_tcn_block(recorder, dilation);
  record_short(recorder);
  const std::vector<Row> measured = recorder.rows();
  const char* const update = std::getenv("STILLPOINT_UPDATE_TRAFFIC");
  if (update != nullptr && std::string(update) == "1") {
    const std::string page = with_rows(read_page(), measured);
    std::ofstream(page_path, std::ios::binary) << page;
  }
  const Verdict verdict = compare(read_rows(read_page()), measured, tolerance);
  for (const std::string& line : verdict.improved) WARN(line << "; to keep it: " << update_command);
  for (const std::string& line : verdict.worse)
    FAIL_CHECK(line << "; where that is meant: " << update_command);
}

TEST_CASE("a kernel's counts do not depend on the order of blocks, warps and threads", "[cuda][traffic]") {
  if (!counts_hold_here()) return;
  const auto rows_with = [](std::uint64_t seed) {
    Recorder recorder(seed);
    record_tcn_block(recorder, 128);
    record_short(recorder);
    return recorder.rows();
  };
  const std::vector<Row> in_order = rows_with(0), drawn = rows_with(7);
  REQUIRE(drawn.size() == in_order.size());
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    INFO(drawn[i].kernel << " (" << drawn[i].sizes << ")");
    CHECK(drawn[i] == in_order[i]);
  }
}

TEST_CASE("a number that got worse is found, one that got better is named", "[cuda][traffic]") {
  const Row was{"k", "n", {4, 4, 1, 1.5, 2, 100, 3, 10}};
  const auto with = [&](std::size_t column, double value) {
    Row row = was;
    row.values[column] = value;
    return compare({was}, {row}, 0.02);
  };
  CHECK(compare({was}, {was}, 0).worse.empty());
  for (std::size_t column = 0; column < was.values.size(); ++column) {
    const double value = was.values[column];
    INFO(column_names()[column]);
    CHECK(with(column, 1.015 * value).worse.empty());
    const Verdict worse = with(column, 1.1 * value), better = with(column, 0.9 * value);
    REQUIRE(worse.worse.size() == 1);
    CHECK_THAT(worse.worse[0], mentions("k (n)", column_names()[column], "10 %"));
    CHECK(worse.improved.empty());
    REQUIRE(better.improved.size() == 1);
    CHECK(better.worse.empty());
  }
  CHECK(with(5, 103).worse.size() == 1);
  const Row other{"other", "n", was.values};
  const Verdict changed = compare({was}, {other}, 0.02);
  REQUIRE(changed.worse.size() == 2);
  CHECK_THAT(changed.worse[0], mentions("other (n)", "not in the table"));
  CHECK_THAT(changed.worse[1], mentions("k (n)", "did not run"));
}

TEST_CASE("the table of counts survives the page", "[cuda][traffic]") {
  const std::string page = "before\n<!-- traffic table: begin -->\nold\n<!-- traffic table: end -->\nafter\n";
  const std::vector<Row> rows{{"k<A>", "n = 4, d = 2", {4, 0, 1.25, 1.5, 2, 123456, 3, 12.5}},
                              {"k<B>", "5 x 6", {0, 0, 0, 0, 0, 0, 0, 0}}};
  const std::string written = with_rows(page, rows);
  CHECK(written.starts_with("before\n"));
  CHECK(written.ends_with("<!-- traffic table: end -->\nafter\n"));
  CHECK(written.find("old") == std::string::npos);
  CHECK(read_rows(written) == rows);
  CHECK(with_rows(written, rows) == written);
  CHECK_THAT(error_text([] { read_rows("no table"); }),
             mentions("kernel profile", "traffic table: begin", "add"));
  const auto with_line = [](const std::string& line) {
    return "<!-- traffic table: begin -->\n" + line + "\n<!-- traffic table: end -->";
  };
  CHECK_THAT(error_text([&] { read_rows(with_line("| `k` | n | 1 |")); }), mentions("3 cells", "10"));
  CHECK_THAT(error_text([&] { read_rows(with_line("| `k` | n | 1 | 2x | 3 | 4 | 5 | 6 | 7 | 8 |")); }),
             mentions("2x", "a number"));
}

TEST_CASE("kernels have their names without namespaces and types of elements", "[cuda][traffic]") {
  CHECK(short_name("a::tcn_block_forward_fused<float>") == "tcn_block_forward_fused");
  CHECK(short_name("a::b::each_element<a::b::Lift<float> >") == "each_element<Lift>");
  CHECK(short_name("a::each_element<a::Map<a::Relu, float> >") == "each_element<Map<Relu>>");
  CHECK(short_name("a::each_element<a::Cast<int, float> >") == "each_element<Cast>");
  CHECK(short_name("a::column_sums<float, a::PlainSink<float> >") == "column_sums<PlainSink>");
  CHECK(short_name("a::each_warp_row<a::SumGroup>") == "each_warp_row<SumGroup>");
}

}  // namespace stillpoint::profile
