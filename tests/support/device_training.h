// Compares training steps on CUDA, recorded and unrecorded, with the CPU's.
#pragma once
#include "tasks/selftest/selftest.h"
#include "tests/support/catch.h"
#include "tests/support/cuda_machine.h"

namespace stillpoint {

// Makes queues late and shuffles the order, so that no test can rely on work being done at its call.
struct Late {
  explicit Late(std::uint64_t seed = 1) {
    simt::set_seed(seed);
    simt::set_late(true);
  }
  ~Late() {
    simt::set_late(false);
    simt::set_seed(1);
  }
};

// Checks that recorded steps give the same bits as unrecorded ones.
inline FirstSteps check_recorded_against_plain(const TaskKind& kind, const Json& config, Index steps = 8) {
  const FirstSteps plain = first_steps(kind, config, Device::cuda, steps, false);
  const FirstSteps recorded = first_steps(kind, config, Device::cuda, steps);
  CHECK(plain.replays == 0);
  CHECK(recorded.replays == steps - 1);
  CHECK(recorded.losses == plain.losses);
  CHECK(recorded.grad_norms == plain.grad_norms);
  return recorded;
}

inline void check_device_against_cpu(const TaskKind& kind, const Json& config, double tolerance,
                                     Index steps = 8) {
  const FirstSteps cpu = first_steps(kind, config, Device::cpu, steps);
  const FirstSteps recorded = check_recorded_against_plain(kind, config, steps);
  for (std::size_t i = 0; i < std::size_t(steps); ++i) {
    INFO("step " << i);
    CHECK(recorded.losses[i] == Approx(cpu.losses[i]).epsilon(tolerance));
    CHECK(recorded.grad_norms[i] == Approx(cpu.grad_norms[i]).epsilon(20 * tolerance));
  }
}

}  // namespace stillpoint
