// The arithmetic of a training step and what it keeps in memory, counted from shapes.
#pragma once

namespace stillpoint {

// How often a call evaluated f, in the forward and the backward solve.
struct Evaluations {
  double forward = 0, backward = 0;
};

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

// A linear map or convolution of so many multiply-adds, which leaves its output. The gradient of an input
// takes as many again, and so does that of the weights.
Cost map_cost(double multiply_adds, double output, bool input_needs_gradient = true);

}  // namespace stillpoint
