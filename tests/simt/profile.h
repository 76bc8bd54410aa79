// Counts what the memory system would do for a kernel: sectors, bank conflicts, divergence.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "simt/machine.h"

namespace simt {

// Lanes run one after the other: accesses of a warp belong together where their place in the code and its
// occurrence since the last barrier agree.
class Profiler {
 public:
  void start_launch(const Grid& grid);
  void end_launch();
  void barrier();
  void end_block();
  void global(int thread, std::uintptr_t at, std::size_t bytes, bool write, const void* place) {
    if (on_) note(thread, at, bytes, write, false, place);
  }
  void shared(int thread, std::uintptr_t at, std::size_t bytes, bool write, const void* place) {
    if (on_) note(thread, at, bytes, write, true, place);
  }

 private:
  struct Request {
    std::uint32_t lanes = 0;
    std::uint32_t bytes = 0;
    bool write = false, shared = false;
    std::array<std::uintptr_t, 32> at;
  };
  struct Warp {
    std::map<std::pair<const void*, std::uint32_t>, Request> requests;  // by place and occurrence
    std::map<std::pair<const void*, int>, std::uint32_t> occurrences;   // by place and lane
    std::uint32_t lanes = 0;                                            // that exist
  };

  void note(int thread, std::uintptr_t at, std::size_t bytes, bool write, bool shared, const void* place);
  void flush();
  void count(const Warp& warp, const Request& request);
  static std::uint64_t wavefronts(const Request& request);

  bool on_ = false;
  int threads_ = 0;
  std::vector<Warp> warps_;
  KernelProfile counts_;
  std::string name_;
};

}  // namespace simt
