// Stops kernels that make no progress: a thread looks at every running machine several times a second.
#pragma once

namespace simt {

class Machine;

// Guards the machine of the calling thread while it runs a grid.
class Guarded {
 public:
  explicit Guarded(Machine& machine);
  ~Guarded();
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
};

// Returns after how many seconds without progress a program is stopped: SIMT_TIMEOUT, or 10.
double patience();

}  // namespace simt
