// Counts calls where CUDA is the emulator; elsewhere hands the program over to its twin. This file is
// compiled once for each of the two.
#include "tasks/bench/gpu/emulated.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "engine/words.h"
#include "tasks/bench/gpu/gpu_counts.h"
#include "tasks/process/interrupt.h"
#include "tasks/process/processes.h"
#if STILLPOINT_SIMT
#include <simt/trace.h>

#include "kernels/device/work_graph.h"
#endif

namespace stillpoint::bench {

void continue_on_emulator(const std::vector<std::string>& arguments) {
  const std::filesystem::path twin =
      std::filesystem::read_symlink("/proc/self/exe").replace_filename("stillpoint_on_emulator");
  require(!on_emulator(), "--device emulated: this program is the twin on the emulator already");
  require(
      ::access(twin.c_str(), X_OK) == 0, "--device emulated: found no program ", shown(twin.string()),
      ", expected the twin of this one in which CUDA is an emulator; it is built with the tests: configure "
      "with -DSTILLPOINT_TESTS=ON and build the target stillpoint_on_emulator");
  std::vector<char*> argv{program_name().data()};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  ::sigprocmask(SIG_SETMASK, &original_signal_mask(), nullptr);
  ::execv(twin.c_str(), argv.data());
  fail("--device emulated: cannot start ", shown(twin.string()), ": ", std::strerror(errno));
}

#if STILLPOINT_SIMT

namespace {

using simt::Piece;

Launch launch_of(const Piece& p) {
  const simt::KernelProfile& k = p.profile;
  const double products = 2.0 * double(p.rows) * double(p.columns) * double(p.depth) * double(p.count);
  return {.kind = Launch::Kind(p.kind),
          .name = p.kind == Piece::Kind::kernel ? simt::short_name(p.name) : p.name,
          .precision = p.precision,
          .rows = p.rows,
          .columns = p.columns,
          .depth = p.depth,
          .count = p.count,
          .flops = products,
          .bytes = p.kind == Piece::Kind::kernel ? double(k.bytes_touched) : p.bytes,
          .bytes_asked = double(k.loads.bytes_requested + k.stores.bytes_requested),
          .bytes_moved = double(k.loads.bytes_moved + k.stores.bytes_moved),
          .requests = double(k.loads.requests + k.stores.requests),
          .sectors = double(k.loads.sectors + k.stores.sectors),
          .shared_requests = double(k.shared_requests),
          .shared_wavefronts = double(k.shared_wavefronts),
          .bank_conflicts = double(k.bank_conflicts),
          .barriers = double(k.barriers),
          .load_waits = double(k.load_waits),
          .blocks = double(p.blocks),
          .threads = double(p.threads),
          .shared_bytes = double(p.shared_bytes),
          .after = p.after,
          .in_graph = p.in_graph};
}
static_assert(int(Launch::Kind::condition) == int(Piece::Kind::condition));

// Accesses are counted in one run only, since that is slow: `counted` lends its counts to the same kernels of
// `other`, a graph. That may skip parts, and asks on the device whether to (kernels/device/work_graph.h).
void lend_counts(const simt::Trace& counted, simt::Trace& other) {
  auto next = counted.pieces.begin();
  for (Piece& p : other.pieces) {
    if (p.kind != Piece::Kind::kernel || simt::short_name(p.name) == "ask_any") continue;
    next = std::find_if(next, counted.pieces.end(), [&](const Piece& c) {
      return c.kind == p.kind && c.name == p.name && c.blocks == p.blocks;
    });
    require(next != counted.pieces.end(),
            "bench: the recorded call does not launch the kernels of the unrecorded one, first ", p.name,
            "; report this");
    p.profile = (next++)->profile;
  }
  other.bytes_touched = counted.bytes_touched;
}

// The emulator's checks are what its tests are for.
struct Unchecked {
  Unchecked() { simt::set_checks(false); }
  ~Unchecked() { simt::set_checks(true); }
  Unchecked(const Unchecked&) = delete;
  Unchecked& operator=(const Unchecked&) = delete;
};

Traced traced(const simt::Trace& trace) {
  Traced result;
  result.working_set = double(trace.bytes_touched);
  result.host_waits = double(trace.host_waits);
  for (const Piece& p : trace.pieces) result.launches.push_back(launch_of(p));
  return result;
}

}  // namespace

bool on_emulator() { return true; }

Json count_emulated(const Call& call) {
  const Unchecked faster;
  const auto prepare = [&] {
    if (call.before) call.before();
  };
  const auto trace = [&](bool counted, const std::function<void()>& run) {
    simt::start_trace(counted);
    prepare();
    run();
    return simt::end_trace();
  };
  kernels::WorkGraph graph;
  prepare();
  graph.warm_up(call.run);
  Counted result;
  prepare();
  try {
    graph.record(call.run);
  } catch (const Error& error) {
    result.not_recorded = error.what();
  }
  const bool recorded = result.not_recorded.empty();
  simt::Trace plain = trace(!recorded, call.run);
  if (recorded) {
    const simt::Trace replayed = trace(true, [&] { graph.replay(); });
    lend_counts(replayed, plain);
    result.replayed = traced(replayed);
  }
  result.plain = traced(plain);
  return counts_of(result, call.work);
}

#else

bool on_emulator() { return false; }

Json count_emulated(const Call&) {
  fail(
      "--device emulated: CUDA is not the emulator in this program, expected its twin "
      "stillpoint_on_emulator");
}

#endif

}  // namespace stillpoint::bench
