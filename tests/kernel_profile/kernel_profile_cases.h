// Every performance kernel once, at the paper's sizes or a part of them, counted by the emulator.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/kernel_profile/kernel_profile_table.h"

namespace stillpoint::profile {

// Runs calls with the emulator's counts on and turns those into rows.
class Recorder {
 public:
  explicit Recorder(std::uint64_t seed) : seed_(seed) {}

  // The kernels of this call are what row() and blocks() speak of.
  void run(const std::string& sizes, const std::function<void()>& call);
  // Adds the row of a kernel that ran, by its short name; `floats`: the least it has to move, in 4 bytes.
  void row(const std::string& kernel, double floats);
  double blocks(const std::string& kernel) const;
  // All rows; an Error where a kernel ran and has none.
  std::vector<Row> rows() const;

 private:
  void require_no_rest() const;

  std::uint64_t seed_;
  std::string sizes_;
  std::map<std::string, simt::KernelProfile> rest_, ran_;
  std::vector<Row> rows_;
};

// Forward and backward of the TCN block with dilation d (Ci = 1 for the first) on one sequence of 520.
void record_tcn_block(Recorder& recorder, std::int64_t dilation);
// What takes a few tenths of a second: everything else.
void record_tcn_general(Recorder& recorder);
void record_heads(Recorder& recorder);
void record_losses(Recorder& recorder);
void record_optimiser(Recorder& recorder);
void record_lift(Recorder& recorder);
void record_embedding(Recorder& recorder);
void record_elementwise(Recorder& recorder);
void record_strided(Recorder& recorder);
// Relative attention and layer norm of the DEQ-Transformer's cell, one sequence of 520.
void record_deq_cell(Recorder& recorder);
// A step of Broyden's method with 29 updates, and one of Anderson's with six iterates, for its state.
void record_solvers(Recorder& recorder);
// Steps of operator splitting and what judges them, for one convolution's state.
void record_splitting(Recorder& recorder);
// Spectra of convolutions: blocks, aliases, gradients, the turn of axes; and inverses of complex matrices.
void record_spectral(Recorder& recorder);
void record_complex_inverse(Recorder& recorder);
// Convolutions of images with a circular border, by cuDNN and, as builds without it do, by the bodies.
void record_conv2d(Recorder& recorder);
// Batch normalisation with ReLU, and maximum pooling.
void record_image_layers(Recorder& recorder);

}  // namespace stillpoint::profile
