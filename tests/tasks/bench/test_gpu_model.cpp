// Tests the model of a GPU on counts made by hand, and the sums of counts.
#include "tasks/bench/gpu/emulated.h"
#include "tasks/bench/gpu/gpu_counts.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"

namespace stillpoint::bench {
namespace {

// Rates that make the arithmetic easy: a cycle is a nanosecond.
Gpu round_gpu() {
  return {.name = "round",
          .sms = 100,
          .clock_ghz = 1,
          .threads_an_sm = 2000,
          .shared_kbytes_an_sm = 100,
          .dram_gbytes = 1000,
          .l2_mbytes = 1,
          .l2_gbytes = 2000,
          .pcie_gbytes = 10,
          .float64_tflops = 5,
          .float32_tflops = 10,
          .tf32_tflops = 50,
          .bf16_tflops = 100,
          .product_share = 0.5,
          .l2_cycles = 200,
          .dram_cycles = 500,
          .barrier_cycles = 50,
          .node_us = 1,
          .graph_us = 4,
          .launch_us = 3,
          .host_wait_us = 10};
}

Launch kernel(double blocks, double bytes) {
  return {.kind = Launch::Kind::kernel, .name = "k", .bytes = bytes, .blocks = blocks, .threads = 1000};
}

Launch after(Launch launch, std::vector<std::size_t> before) {
  launch.after = std::move(before);
  return launch;
}

}  // namespace

TEST_CASE("a kernel takes as long as its bytes, flops or wavefronts, by the multiprocessors that it fills",
          "[gpu-model]") {
  const Gpu gpu = round_gpu();
  const auto working = [&](const Launch& k, bool in_l2) { return cost_of(k, gpu, in_l2).working; };
  CHECK(working(kernel(100, 1e6), false) == Approx(1));  // 1 MB at 1000 GB/s
  CHECK(working(kernel(100, 1e6), true) == Approx(0.5));
  CHECK(working(kernel(1, 64e3), true) == Approx(1));  // one multiprocessor moves 64 bytes a cycle
  CHECK(working(kernel(101, 6464e3), false) == Approx(6.464));
  Launch k = kernel(50, 0);
  k.flops = 1e7;
  CHECK(working(k, true) == Approx(2));  // half of 10 TFLOP/s
  k.blocks = 150;                        // the fullest multiprocessors have two blocks: 75 of 100 are busy
  CHECK(working(k, true) == Approx(1 / 0.75));
  k = kernel(10, 0);
  k.shared_wavefronts = 50e3;
  CHECK(working(k, true) == Approx(5));
  CHECK(cost_of(k, gpu, true).launching == 1);
}

TEST_CASE("a block's loads that follow each other are waited for, once per wave", "[gpu-model]") {
  const Gpu gpu = round_gpu();
  Launch k = kernel(100, 0);
  k.load_waits = 3;
  k.barriers = 200;  // two a block
  CHECK(cost_of(k, gpu, true).waiting == Approx(0.6 + 0.1));
  CHECK(cost_of(k, gpu, false).waiting == Approx(1.5 + 0.1));
  CHECK(cost_of(k, gpu, true).working == 0);
  k.blocks = 1000;  // two blocks of 1000 threads fit on a multiprocessor: five waves
  k.barriers = 2000;
  CHECK(cost_of(k, gpu, true).working == Approx(4 * 0.7));
  k.shared_bytes = 60e3;  // one fits: ten waves
  CHECK(cost_of(k, gpu, true).working == Approx(9 * 0.7));
}

TEST_CASE("a library's product is cut into tiles, and its depth where tiles are few", "[gpu-model]") {
  const Gpu gpu = round_gpu();
  Launch p{
      .kind = Launch::Kind::library, .name = "gemm", .rows = 640, .columns = 640, .depth = 100, .count = 1};
  const double flops = 2.0 * 640 * 640 * 100;
  CHECK(cost_of(p, gpu, true).working == Approx(flops / 5e6));  // 100 tiles, half of 10 TFLOP/s
  p.precision = "bf16";
  CHECK(cost_of(p, gpu, true).working == Approx(flops / 50e6));
  p = {.kind = Launch::Kind::library, .name = "gemm", .rows = 10, .columns = 10, .depth = 1280, .count = 1};
  CHECK(cost_of(p, gpu, true).working == Approx(2.0 * 64 * 64 * 1280 / 0.5e6));  // a tile in ten parts
  CHECK(cost_of(p, gpu, true).waiting == Approx(4 * 0.2));
  CHECK(cost_of({.kind = Launch::Kind::copy, .name = "HostToDevice", .bytes = 1e4}, gpu, true).working ==
        Approx(1));
  CHECK(cost_of({.kind = Launch::Kind::copy, .name = "DeviceToDevice", .bytes = 1e6}, gpu, true).working ==
        Approx(1));
}

TEST_CASE("a call takes as long as its longest chain, or as the host that launches it", "[gpu-model]") {
  const Gpu gpu = round_gpu();
  const Launch k = kernel(100, 10e6);  // 10 us from device memory
  Traced work{.launches = {k, after(k, {0}), after(k, {0}), after(k, {1, 2})}};
  work.working_set = 2 << 20;  // more than L2
  CHECK(longest_chain(work.launches) == 3);
  CHECK(model(work, gpu).ms * 1e3 == Approx(3 + 3 * 11));  // the host launches the first one, then is ahead
  CHECK(model(work, gpu).by_name.at("k") == Approx(44));
  work.host_waits = 2;
  CHECK(model(work, gpu).ms * 1e3 == Approx(3 + 3 * 11 + 20));
  work.host_waits = 0;
  for (Launch& l : work.launches) l.bytes = 0;
  CHECK(model(work, gpu).ms * 1e3 == Approx(4 * 3 + 1));  // the host is slower
  std::vector<Launch> graph{{.kind = Launch::Kind::graph, .name = "cudaGraphLaunch"}};
  for (std::size_t i = 0; i < 4; ++i) {
    graph.push_back(after(kernel(100, 0), {i}));
    graph.back().in_graph = true;
  }
  CHECK(model({.launches = graph}, gpu).ms * 1e3 == Approx(4 + 4 * 1));
  CHECK(longest_chain(graph) == 4);
}

TEST_CASE("the shipped rates are those of four GPUs, each with its source", "[gpu-model]") {
  REQUIRE(gpus().size() == 4);
  CHECK(gpus()[0].name == "H200");
  CHECK(gpus()[0].sms == 132);
  CHECK(gpus()[3].name == "RTX 4090");
  CHECK_THAT(error_text([] { read_gpus(parse_json(R"({"X": {"sms": 3}})"), "rates.json"); }),
             mentions("rates.json", "X's sms", "source", "add"));
  CHECK_THAT(error_text([] {
               read_gpus(parse_json(R"({"X": {"sms": {"value": 3, "source": "s"}}})"), "rates.json");
             }),
             mentions("rates.json", "clock_ghz of X", "add"));
  CHECK_THAT(error_text([] {
               read_gpus(parse_json(R"({"X": {"smm": {"value": 3, "source": "s"}}})"), "rates.json");
             }),
             mentions("rates.json", "smm"));
}

TEST_CASE("counts name what a call launches, and the flops that no library does are its kernels'",
          "[gpu-model]") {
  Counted counted;
  Launch k = kernel(100, 320);
  k.requests = 4;
  k.sectors = 10;
  k.bytes_moved = 320;
  Launch p{.kind = Launch::Kind::library,
           .name = "gemm",
           .rows = 2,
           .columns = 4,
           .depth = 3,
           .count = 1,
           .flops = 48};
  counted.plain.launches = {k, after(p, {0}), after(k, {1})};
  counted.not_recorded = "because";
  const Json json = counts_of(counted, {.flops = 148, .nominal_flops = 148, .bytes = 200});
  CHECK(json["launches"] == 2);
  CHECK(json["library_calls"] == 1);
  CHECK(json["chain"] == 3);
  CHECK(json["replayed"].is_null());
  CHECK(json["not_replayed"] == "because");
  CHECK(json["sectors_a_request"] == 2.5);
  CHECK(json["moved_per_least"] == 640.0 / 200);
  CHECK(json["kernels"]["k"]["launches"] == 2);
  CHECK(json["kernels"]["k"]["flops"] == 100);
  CHECK(json["libraries"]["gemm 2 x 3 x 4, float32"]["flops"] == 48);
  for (const Gpu& gpu : gpus()) {
    CHECK(json["modelled"][gpu.name].get<double>() > 0);
    CHECK(json["modelled"][gpu.name] == json["model"][gpu.name]["plain"]["ms"]);
    CHECK(json["model"][gpu.name]["replayed"].is_null());
  }
}

TEST_CASE("only the twin counts on the emulator", "[gpu-model]") {
  if (on_emulator()) return;
  CHECK_THAT(error_text([] { count_emulated({}); }), mentions("--device emulated", "stillpoint_on_emulator"));
}

}  // namespace stillpoint::bench
