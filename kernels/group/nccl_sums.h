// Sums by NCCL over ranks that each have a GPU. Only builds with NCCL have them.
#pragma once
#include <memory>
#include <string>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// All ranks make the same calls in the same order. All work is queued, and a graph may record it.
class NcclSums {
 public:
  // Returns an id by which ranks know each other: one rank makes it and gives it to all.
  static std::string make_id();
  // Returns when all ranks have come.
  NcclSums(Index rank, Index size, const std::string& id);
  ~NcclSums();

  // Sums in place, beside what the device does next; `finish` makes later work wait for all started sums.
  void start(const Array& values);
  void finish();
  // Sums in place, in order with the device's other work.
  void sum(const Array& values);
  // Returns whether the device has done all that was queued, except for sums still started. Throws RankLost
  // if NCCL has lost another rank.
  bool idle();
  // Makes kernels that wait for a lost rank return soon; for a process that will end.
  void abort() noexcept;

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

// Work of this process goes to this GPU of the machine, modulo their number; called before any other call.
void choose_gpu(Index local_rank);

}  // namespace stillpoint::kernels
