// Sums over ranks that each have a GPU, by NCCL. Only builds with NCCL have them.
#pragma once
#include <memory>
#include <string>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// All ranks make the same calls in the same order. Everything is queued, and a graph may record it.
class NcclSums {
 public:
  // What ranks know each other by: one makes it and gives it to all.
  static std::string make_id();
  // Returns when all ranks have come.
  NcclSums(Index rank, Index size, const std::string& id);
  ~NcclSums();

  // In place, beside what the device does afterwards; `finish` has later work wait for all that was started.
  void start(const Array& values);
  void finish();
  // In place, in order with the device's other work.
  void sum(const Array& values);
  // Whether the device has done all that was queued outside of sums still started; RankLost where NCCL has
  // lost another rank.
  bool idle();
  // Makes kernels that wait for a lost rank return, soon; for a process that will end.
  void abort() noexcept;

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

Index count_gpus();
// Work of this process goes to this GPU of the machine's, counted round; before any other call.
void choose_gpu(Index local_rank);

}  // namespace stillpoint::kernels
