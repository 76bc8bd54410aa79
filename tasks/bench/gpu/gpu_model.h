// Models how long a GPU takes for recorded work, from what the work asks of it. docs/gpu_model.md has the
// formula. A model is not a measurement.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "engine/config.h"

namespace stillpoint::bench {

// A piece of work on a GPU: what it is, what it asks of the device, and which earlier ones it follows.
struct Launch {
  // order: an event or a wait, which does nothing; graph: the launch of a recorded graph.
  enum class Kind { order, kernel, library, copy, fill, graph, condition };
  Kind kind = Kind::order;
  std::string name = {};
  std::string precision = "float32";                         // of a library's products
  std::int64_t rows = 0, columns = 0, depth = 0, count = 0;  // of these products
  double flops = 0;
  double bytes = 0;        // of device memory, each sector once; or those of a copy
  double bytes_asked = 0;  // by threads
  double bytes_moved = 0;  // in sectors, for every request of a warp
  double requests = 0, sectors = 0;
  double shared_requests = 0, shared_wavefronts = 0, bank_conflicts = 0;
  double barriers = 0;    // of all blocks together
  double load_waits = 0;  // of a thread of the slowest block: waits for loads, one after the other
  double blocks = 0, threads = 0, shared_bytes = 0;  // threads and shared memory are a block's
  std::vector<std::size_t> after = {};               // indices
  bool in_graph = false;

  bool works() const { return kind != Kind::order && kind != Kind::graph; }
};

// The rates of a GPU; tasks/bench/gpu/gpus.json has the source of each.
struct Gpu {
  std::string name;
  double sms = 0, clock_ghz = 0, threads_an_sm = 0, shared_kbytes_an_sm = 0;
  double dram_gbytes = 0, l2_mbytes = 0, l2_gbytes = 0, pcie_gbytes = 0;
  double float64_tflops = 0, float32_tflops = 0, tf32_tflops = 0, bf16_tflops = 0, product_share = 0;
  double l2_cycles = 0, dram_cycles = 0, barrier_cycles = 0;
  double node_us = 0, graph_us = 0, launch_us = 0, host_wait_us = 0;

  template <class F>
  void fields(F& f) {
    f("sms", sms, "multiprocessors", counted());
    f("clock_ghz", clock_ghz, "clock", factor());
    f("threads_an_sm", threads_an_sm, "threads that a multiprocessor holds", counted());
    f("shared_kbytes_an_sm", shared_kbytes_an_sm, "shared memory of a multiprocessor, KiB", counted());
    f("dram_gbytes", dram_gbytes, "GB/s of a copy in device memory", factor());
    f("l2_mbytes", l2_mbytes, "size of the L2 cache, MiB", factor());
    f("l2_gbytes", l2_gbytes, "GB/s from the L2 cache", factor());
    f("pcie_gbytes", pcie_gbytes, "GB/s between host and device", factor());
    f("float64_tflops", float64_tflops, "TFLOP/s in float64", factor());
    f("float32_tflops", float32_tflops, "TFLOP/s in float32", factor());
    f("tf32_tflops", tf32_tflops, "TFLOP/s of tensor cores in tf32", factor());
    f("bf16_tflops", bf16_tflops, "TFLOP/s of tensor cores in bf16", factor());
    f("product_share", product_share, "share of these that a library's product reaches", above(0, 1));
    f("l2_cycles", l2_cycles, "cycles until a load from L2 arrives", factor());
    f("dram_cycles", dram_cycles, "cycles until a load from device memory arrives", factor());
    f("barrier_cycles", barrier_cycles, "cycles of a block's barrier", factor());
    f("node_us", node_us, "microseconds from the end of a launch to the start of the next", factor());
    f("graph_us", graph_us, "microseconds until a graph starts", factor());
    f("launch_us", launch_us, "microseconds of the host for a launch outside a graph", factor());
    f("host_wait_us", host_wait_us, "microseconds of a wait by the host beside the work", factor());
  }
};

// Returns the GPUs of such a JSON text. Throws Error, which names the source.
std::vector<Gpu> read_gpus(const Json& json, const std::string& source);
// Returns those of tasks/bench/gpu/gpus.json.
const std::vector<Gpu>& gpus();

// Microseconds of a launch by their reason.
struct LaunchCost {
  double launching = 0;  // until it starts
  double working = 0;    // bytes, flops or shared memory, whichever takes longest
  double waiting = 0;    // for loads that nothing hides, and for barriers
  double sum() const { return launching + working + waiting; }
  LaunchCost& operator+=(const LaunchCost& other);
};
// `in_l2` says whether the working set stays in the L2 cache.
LaunchCost cost_of(const Launch& launch, const Gpu& gpu, bool in_l2);

struct Traced {
  std::vector<Launch> launches;
  double working_set = 0;  // bytes
  double host_waits = 0;
};
struct Modelled {
  double ms = 0;
  LaunchCost chain;                       // of the longest chain, in microseconds
  std::map<std::string, double> by_name;  // microseconds of all launches of a name
};
Modelled model(const Traced& work, const Gpu& gpu);

// Returns how many launches that work follow each other, at most.
std::int64_t longest_chain(const std::vector<Launch>& launches);

}  // namespace stillpoint::bench
