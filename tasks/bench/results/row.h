// One measured row of `stillpoint bench`, and the document that holds all rows of a run.
#pragma once
#include <limits>
#include <string>
#include <vector>

#include "engine/config.h"
#include "tasks/bench/workload.h"

namespace stillpoint::bench {

inline constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();
// Cores that other programs may use before a row counts as disturbed.
inline constexpr double quiet_below = 0.1;

// Milliseconds of a call, from all rounds.
struct Timing {
  double median = not_measured;
  double low = not_measured, high = not_measured;  // the median's 95 % interval, by order statistics
  double p10 = not_measured, p90 = not_measured;
  std::int64_t calls = 0;
  bool stable = false;              // whether the warm-up ended because calls stopped getting faster
  std::vector<double> rounds = {};  // the median of each round; their spread is the noise between runs
};

// What the machine can do, measured with the row's threads and precision before the first round and after
// each.
struct Roof {
  double gflops = not_measured;  // of a large product of matrices
  // The rate of a copy whose two arrays together are as large as the row's least bytes, so that a row whose
  // data stay in a cache is held to the cache's rate. Read and written bytes count.
  double gbytes = not_measured;
};

// Numbers that were not measured are not_measured, and null in JSON.
struct Row {
  std::string workload;
  Sizes sizes;                         // complete
  std::string device;                  // cpu, cuda, emulated
  std::string precision;               // float32, tf32, bf16
  std::string program = "stillpoint";  // or the peer that ran it: torch, torch-compile, jax, torchdeq
  int threads = 0;
  Timing ms;
  Work work;
  Roof roof;
  Index examples = 1, parameters = 0;
  double memory_bytes = not_measured;  // the largest held during a call, beyond what is held before the row
  double allocations = not_measured;   // by the system, a call, after warm-up
  Evaluations solved = {not_measured, not_measured};
  double times_sim = not_measured;  // this row's time over that of the SIM at the same batch
  // A peer's time over ours, round by round: the median, the smallest and the largest.
  double times_ours = not_measured, times_ours_low = not_measured, times_ours_high = not_measured;
  double loss = not_measured;
  double others = not_measured;  // cores that other programs used meanwhile
  std::string note = {};         // why a number is unusual
  // On CUDA: the median of calls replayed as one graph, and of single calls whose data left the L2 cache.
  double replayed_ms = not_measured, cold_ms = not_measured;
  Json counts = nullptr;  // emulated: launches, bytes, and the modelled times by GPU

  double examples_per_second() const { return double(examples) / ms.median * 1e3; }
  double gflops() const { return work.flops / ms.median / 1e6; }
  double gbytes() const { return work.bytes / ms.median / 1e6; }
  double intensity() const { return work.flops / work.bytes; }  // operations a byte
  // The largest GFLOP/s at the row's intensity: the product's, or the copy's times the intensity.
  double roof_gflops() const;
  // The share of the roof that the row reaches: of GFLOP/s, or of GB/s if it does no arithmetic.
  double roof_share() const;
  bool quiet() const { return others < quiet_below; }
};

// Sets times_sim of every row whose SIM was measured at the same batch, threads, precision and device.
void compare_with_sims(std::vector<Row>& rows);
// Sets times_ours of a peer's row, whose rounds took turns with those of ours.
void set_times_ours(Row& peer, const Row& ours);

// A run: the rows, and what a reader has to know about where they come from.
struct Document {
  Json machine = Json::object();  // version, commit, processor, compiler, flags, libraries, date, command
  std::vector<Row> rows;
};

Json to_json(const Document& document);
// Throws Error, which names the source, for a text that is not such a document.
Document read_document(const Json& json, const std::string& source);

}  // namespace stillpoint::bench
