// The arithmetic of the models' parts and what they keep in memory, counted from shapes.
#pragma once
#include "models/deq.h"
#include "models/image_sim.h"
#include "models/mondeq.h"
#include "tasks/bench/workload.h"

namespace stillpoint::bench {

// One direction through a model. Products of matrices, convolutions and attention count. Element-wise work
// and the products that fold weights do not: together they are below a few percent.
struct Pass {
  double executed = 0;  // multiply-adds; taps on a border of zeros are left out
  double nominal = 0;   // of the paper's formulas: unfolded, and with fast Fourier transforms
  double history = 0;   // floats of iterates and directions that a solver writes and reads again
};
// `kept` counts the floats that a forward pass leaves for the backward pass.
struct Cost {
  Pass forward, backward;
  double kept = 0;
};
Cost operator+(const Cost& a, const Cost& b);
Cost operator*(double n, const Cost& a);
Pass operator+(const Pass& a, const Pass& b);
Pass operator*(double n, const Pass& a);
// Returns the work of a call that only computes: `floats` are read or written once, the history twice.
Work work_of(const Pass& pass, double floats);

// A linear map or convolution of so many multiply-adds, which leaves its output. The gradient of an input
// takes as many again, and so does that of the weights.
Cost map_cost(double multiply_adds, double output, bool input_needs_gradient = true);

// Multiply-adds of a real image's transform on n x n places: on the CPU a line is folded at its symmetries
// (kernels/monotone/fourier_line.h), CUDA multiplies by whole matrices.
double transform_products(Index n, Device device);
// The nominal count, 2.5 n^2 log2(n^2) flops.
double fast_transform_products(Index n);

// The blocks of x (batch,in,length); x needs no gradient.
Cost tcn_cost(const TcnConfig& config, Index in, Index batch, Index length);
// A chain of layers on so many positions, folded as SimHead does it.
Cost chain_cost(const std::vector<HeadLayer>& layers, bool fold, Index positions, Device device,
                bool input_needs_gradient);
// phi of images, up to its linear map; the images need no gradient.
Cost image_lift_cost(const Shape& image, Index channels, Index d, Index batch);
// The DEQ, with `solved` evaluations in its solves.
Cost deq_cost(const DeqConfig& config, Index tokens, Index batch, Index length, const Evaluations& solved);
// The monDEQ on images (colours,side,side).
Cost mondeq_cost(const MonDeqConfig& config, Index colours, Index side, Index batch, Device device,
                 const Evaluations& solved);
// One evaluation of its cell, which leaves `kept`, and its product with J^T.
Cost deq_cell_cost(const DeqConfig& config, Index batch, Index length);
// A solve of so many evaluations for states of `state` floats, besides the evaluations.
Pass root_solver_pass(const std::string& method, double state, double evaluations);
// What the monDEQ builds in a pass: frequencies of the kernels and of W, and the inverses.
Pass splitting_setup(const MonDeqConfig& config, Index side);
// The floats of a batch's state, and of the frequencies with which V, or W, is applied.
double splitting_state(const MonDeqConfig& config, Index side, Index batch);
double splitting_frequencies(const MonDeqConfig& config, Index side);
// One iteration of the splitting, or of its adjoint.
Pass splitting_pass(const MonDeqConfig& config, Index side, Index batch, Device device, bool adjoint);

// The least bytes of a training step: data, and the parameters, the gradients and Adam's two moments; a
// forward pass leaves activations. What a call changes or leaves for later is written once and read once, all
// else is read once. Whatever fits into registers or a cache until it is used up is not traffic.
Work training_work(const Cost& cost, double parameters, double data);
// The same of an evaluation, which keeps nothing for a backward pass: data, parameters and output.
Work evaluation_work(const Cost& cost, double parameters, double data, double output);

}  // namespace stillpoint::bench
