// Times a small call on CUDA and, if that is the emulator, counts what calls ask of a GPU, in every order.
#include <cmath>

#include "engine/ops.h"
#include "tasks/bench/gpu/emulated.h"
#include "tasks/bench/measure.h"
#include "tests/support/catch.h"
#include "tests/support/cuda_machine.h"

namespace stillpoint::bench {

TEST_CASE("a row on CUDA is timed as it is, as a replayed graph, and with a flushed cache", "[cuda][bench]") {
  const auto measured = [](bool asks) {
    int prepared = 0, runs = 0;
    const Workload sum{
        .name = "op/sum", .summary = "", .usual = {}, .axes = {}, .make = [&](const Sizes&, Device device) {
          const Tensor a = Tensor::full({1000}, 1, {DType::float32, device});
          const Tensor one = Tensor::full({1}, 1, {DType::float32, device});
          return Call{.work = {.flops = 1000, .nominal_flops = 1000, .bytes = 12000},
                      .before = [&] { ++prepared; },
                      .run = [&, a, one] { affine(a, asks ? one.item() : ++runs, 0); }};
        }};
    Measurement m({.workload = &sum, .sizes = {}, .device = Device::cuda});
    m.warm_up(0.01);
    m.round(0.01);
    CHECK(prepared > runs);  // a replay is prepared, too, and does not run the host's part of the call
    return m.row();
  };
  const Row row = measured(false);
  CHECK(row.device == "cuda");
  CHECK(row.ms.calls >= 3);
  CHECK(row.ms.median > 0);
  CHECK(row.replayed_ms > 0);
  CHECK(row.cold_ms > 0);
  CHECK(row.memory_bytes >= 8000);
  CHECK(row.roof.gflops > 0);
  CHECK(row.roof.gbytes > 0);
  const Row asking = measured(true);
  CHECK(std::isnan(asking.replayed_ms));
  CHECK(asking.cold_ms > 0);
}

#if STILLPOINT_SIMT  // a GPU does not count
namespace {

const Workload& workload(const std::string& name) {
  for (const Workload& w : workloads())
    if (w.name == name) return w;
  fail("the test asks for the workload ", name, ", which does not exist");
}

Json counts(const std::string& name, Sizes sizes = {}) {
  const Workload& w = workload(name);
  Sizes s = w.usual;
  if (sizes.batch > 0) s.batch = sizes.batch;
  if (sizes.length > 0) s.length = sizes.length;
  return count_emulated(w.make(s, Device::cuda));
}

}  // namespace

TEST_CASE("the counts of a sum of two arrays are exact", "[cuda][bench]") {
  const Tensor a = Tensor::full({1000}, 1, {DType::float32, Device::cuda});
  const Tensor b = Tensor::full({1000}, 2, {DType::float32, Device::cuda});
  Tensor c;
  const Json json =
      count_emulated({.work = {.flops = 1000, .nominal_flops = 1000, .bytes = 12000}, .run = [&] {
                        c = {};
                        c = add(a, b);
                      }});
  CHECK(c.values().back() == 3);
  CHECK(json["launches"] == 1);
  CHECK(json["chain"] == 1);
  CHECK(json["graph_launches"] == 0);
  CHECK(json["waits"] == 0);
  CHECK(json["replayed"]["graph_launches"] == 1);
  CHECK(json["replayed"]["launches"] == 1);
  if (!simt::checks_accesses()) return;
  CHECK(json["bytes_touched"] == 12000);
  CHECK(json["bytes_asked"] == 12000);
  CHECK(json["bytes_moved"] == 12000);
  CHECK(json["working_set"] == 12000);
}

TEST_CASE("a call that asks the device cannot be replayed, and waits for it", "[cuda][bench]") {
  const Tensor a = Tensor::full({1}, 1, {DType::float32, Device::cuda});
  const Json json = count_emulated({.work = {}, .run = [&] { affine(a, a.item(), 0); }});
  CHECK(json["replayed"].is_null());
  CHECK(!json["not_replayed"].get<std::string>().empty());
  CHECK(json["waits"] == 1);
}

namespace {

// The order decides which block of `each_warp_row_then` ends last. That one adds the sums of all blocks, and
// waits for loads of its own only if it had rows. The modelled times include these waits.
void leave_out_waits_of_the_last_block(Json& counts) {
  for (const char* name : {"ms", "launching_ms", "waiting_ms", "by_name_ms", "modelled"}) counts.erase(name);
  if (counts.contains("kernels")) counts.erase("load_waits");  // their sum
  for (auto& [name, value] : counts.items()) {
    if (name.find("_then<") != std::string::npos) value.erase("load_waits");
    if (value.is_object()) leave_out_waits_of_the_last_block(value);
  }
}

}  // namespace

TEST_CASE("the counts of a training step do not depend on the order of blocks and threads", "[cuda][bench]") {
  const auto with = [](std::uint64_t seed) {
    simt::set_seed(seed);
    const Json json = counts("step/copy-memory/sim-single", {.batch = 1, .length = 60});
    simt::set_seed(1);
    return json;
  };
  Json first = with(1), second = with(7);
  CHECK(first["replayed"]["graph_launches"] == 1);
  CHECK(std::abs(first["load_waits"].get<double>() - second["load_waits"].get<double>()) <= 1);
  leave_out_waits_of_the_last_block(first);
  leave_out_waits_of_the_last_block(second);
  CHECK(first == second);
}

TEST_CASE("a step of copy memory's SIM launches no more than recorded", "[cuda][bench]") {
  const Json json = counts("step/copy-memory/sim-single", {.batch = 1});
  CHECK(json["launches"] <= 27);
  CHECK(json["library_calls"] == 0);
  CHECK(json["replayed"]["graph_launches"] == 1);
  CHECK(json["replayed"]["chain"] <= 29);
}
#endif

}  // namespace stillpoint::bench
