// Records what a program queues on the device, and what each piece of it waits for.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "simt/machine.h"

namespace simt {

// A piece of work. What a library computes is described as products (rows,depth) (depth,columns), `count` of
// them; a convolution is such a product too.
struct Piece {
  // order: an event, a wait or a change of the pool; graph: the launch of a graph; condition: a node that
  // asks whether to run its body.
  enum class Kind : std::uint8_t { order, kernel, library, copy, fill, graph, condition };
  Kind kind = Kind::order;
  std::string name = {};              // as in launch_log, or the kind of copy: HostToDevice, ...
  const char* precision = "float32";  // of a library's operands: float64, float32, tf32 or bf16
  std::int64_t rows = 0, columns = 0, depth = 0, count = 0;
  double bytes = 0;                       // of a library's operands and result, each once; of a copy or fill
  std::uint64_t blocks = 0, threads = 0;  // of the grid, and of a block
  std::size_t shared_bytes = 0;           // dynamic, of a block
  KernelProfile profile = {};             // of a kernel, if the trace counts accesses
  std::vector<std::size_t> after = {};    // indices of earlier pieces
  bool in_graph = false;
};

// The pieces are in the order of the calls, those of a graph at its launch. If a graph has conditional nodes,
// its pieces are what a launch ran.
struct Trace {
  std::vector<Piece> pieces;
  std::uint64_t graph_launches = 0;
  std::uint64_t host_waits = 0;     // for work that was not waited for before
  std::uint64_t bytes_touched = 0;  // in sectors of 32 bytes, each once; 0 unless accesses are counted
};

// Starts a trace; with `counted`, profile() counts too. Work that is queued waits for what the host waited
// for before it was queued, whether or not that was already done.
void start_trace(bool counted);
// Waits for the device, which does not count, and returns what was queued since start_trace.
Trace end_trace();

}  // namespace simt
