// Runs every performance kernel once, at the paper's sizes or a part of them; the emulator counts.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/kernel_profile/kernel_profile_table.h"

namespace stillpoint::profile {

// Runs calls with the emulator's counters on and turns the counts into rows.
class Recorder {
 public:
  explicit Recorder(std::uint64_t seed) : seed_(seed) {}

  // Runs a call; row() and blocks() then refer to its kernels, except CUB's.
  void run(const std::string& sizes, const std::function<void()>& call);
  // Adds the row of a kernel that ran, by its short name; `floats` is the least that it has to move, in units
  // of 4 bytes.
  void row(const std::string& kernel, double floats);
  double blocks(const std::string& kernel) const;
  // Returns all rows. Throws Error if a kernel ran and has no row.
  std::vector<Row> rows() const;

 private:
  void require_no_rest() const;

  std::uint64_t seed_;
  std::string sizes_;
  std::map<std::string, simt::KernelProfile> rest_, ran_;
  std::vector<Row> rows_;
};

// Records forward and backward of the TCN block with dilation d (Ci = 1 for the first) on one sequence of
// 520.
void record_tcn_block(Recorder& recorder, std::int64_t dilation);
// The cases from here on take a few tenths of a second.
void record_tcn_general(Recorder& recorder);
void record_heads(Recorder& recorder);
void record_losses(Recorder& recorder);
void record_optimiser(Recorder& recorder);
void record_lift(Recorder& recorder);
void record_embedding(Recorder& recorder);
void record_elementwise(Recorder& recorder);
void record_strided(Recorder& recorder);
// Records relative attention and layer norm of the DEQ-Transformer's cell, on one sequence of 520.
void record_deq_cell(Recorder& recorder);
// Records a step of Broyden's method with 29 updates and one of Anderson's with six iterates, on its state.
void record_solvers(Recorder& recorder);
// Records steps of operator splitting and the kernels that judge them, on one convolution's state.
void record_splitting(Recorder& recorder);
// Records convolutions by frequency (blocks, aliases, gradients, the change of axes) and inverses of complex
// matrices.
void record_frequencies(Recorder& recorder);
void record_complex_inverse(Recorder& recorder);
// Records convolutions of images with a circular border, by cuDNN and by our own kernels (used without
// cuDNN).
void record_conv2d(Recorder& recorder);
// Records batch normalisation with ReLU, and maximum pooling.
void record_image_layers(Recorder& recorder);

}  // namespace stillpoint::profile
