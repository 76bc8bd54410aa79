// Drives one peer of `stillpoint bench --peer`: another program that computes the same training steps.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tasks/bench/results/row.h"

namespace stillpoint::bench {

// torch, torch-compile, torch-graph, jax, torchdeq, mondeq-torch.
std::vector<std::string> peer_names();
// Returns whether the peer has the workload: all have training steps only, torchdeq those of the DEQ,
// mondeq-torch those of the monDEQ, and jax none of more than one tier. Throws Error, which names the peers,
// if there is no such peer.
bool peer_runs(const std::string& peer, const std::string& workload);
// Throws Error if the peer has no steps on the device: CUDA graphs exist only on CUDA.
void require_device_of_peer(const std::string& peer, Device device);

struct PeerOptions {
  std::string name;         // one of peer_names()
  std::string python = {};  // empty: STILLPOINT_PYTHON, or the Python that `stillpoint tune` would start
  Device device = Device::cpu;
  int threads = 1;                    // of the CPU
  std::string precision = "float32";  // or bf16, and tf32 on CUDA
  std::string script = {};            // a Python file that speaks the protocol; empty: the one of `name`
  double patience = 900;              // seconds to wait for an answer beyond the asked seconds of a round
};

// A process that has made one workload and waits without using a core until it is asked to run. Every member
// throws Error, with the end of what the peer printed, if the peer fails, hangs or prints something that is
// no answer; nothing that it wrote is left behind.
class Peer {
 public:
  // Starts the peer with the parameters and the data of `ours`, which must not have run yet; runs three steps
  // of both. Throws Error if the framework is missing (it names the `pip install` that brings it), if it
  // finds no such device, or if a loss differs from ours by more than a 1e-4th (bf16, tf32: a 200th), with
  // all six losses.
  Peer(const std::string& workload, const Sizes& sizes, const Call& ours, const PeerOptions& options);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Runs for about so many seconds, one call at least, and returns the milliseconds of each call.
  std::vector<double> run(double seconds);
  // Returns `ours` as the peer's: its program and latest loss; what only ours measures is not_measured.
  Row row(const Row& ours) const;
  // The framework and its version, as in "torch 2.7.1".
  const std::string& version() const;
  // The losses of the first three steps.
  const std::vector<double>& our_losses() const;
  const std::vector<double>& losses() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stillpoint::bench
