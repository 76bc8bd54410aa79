// The arithmetic of solves and of their iterations, for rows of the benchmark that run only those.
#pragma once
#include "models/cost/cost.h"
#include "models/deq.h"
#include "models/mondeq.h"

namespace stillpoint {

// Multiply-adds of a real image's transform on n x n places: on the CPU a line is folded at its symmetries
// (kernels/monotone/fourier_line.h), CUDA multiplies by whole matrices.
double transform_products(Index n, Device device);
// The nominal count, 2.5 n^2 log2(n^2) flops.
double fast_transform_products(Index n);

// One evaluation of the DEQ's cell, which leaves `kept`, and its product with J^T.
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

}  // namespace stillpoint
