// The group of ranks that run these tests together under mpirun.
#pragma once
#include "kernels/group/communicator.h"

namespace stillpoint::test {

struct LeaveAtTheEnd {
  ~LeaveAtTheEnd() { kernels::Communicator::leave(); }
};
inline kernels::Communicator& group() {
  kernels::Communicator& world = kernels::Communicator::world();
  static const LeaveAtTheEnd leave;
  return world;
}

// Returns the CPU, and CUDA if every rank has a GPU or runs on the emulator's.
inline std::vector<Device> devices() {
  std::vector<Device> out{Device::cpu};
#if STILLPOINT_SIMT
  out.push_back(Device::cuda);
#elif STILLPOINT_CUDA
  if (kernels::Communicator::gpus() >= group().local_size()) {
    group().use_own_gpu();
    out.push_back(Device::cuda);
  }
#endif
  return out;
}

}  // namespace stillpoint::test
