// Counts the arithmetic of networks and root solvers.
#include "tasks/bench/workloads/cost.h"

#include <algorithm>
#include <cmath>

#include "engine/cases/op_counts.h"
#include "models/fold.h"

namespace stillpoint::bench {
namespace {

// Multiply-adds of a 3 x 3 convolution per pair of channels, without those on the border of zeros.
double window_products(Index height, Index width) {
  return inside_products(height, 3, 1, 1) * inside_products(width, 3, 1, 1);
}

Index width_of(const HeadLayer& layer) {
  return layer.w.dim(0) * (layer.activation == Activation::fourier ? 2 : 1);
}

// The cost of one position, executed as `layers` say.
Cost position_cost(const std::vector<HeadLayer>& layers, bool input_needs_gradient) {
  Cost cost;
  bool wanted = input_needs_gradient;
  for (const HeadLayer& layer : layers) {
    const double products = double(layer.w.size());
    const bool trained = layer.w.requires_grad();
    cost.forward.executed += products;
    cost.backward.executed += products * (double(wanted) + double(trained));
    cost.kept += double(width_of(layer));
    wanted = wanted || trained;
  }
  return cost;
}

}  // namespace

Pass operator+(const Pass& a, const Pass& b) {
  return {a.executed + b.executed, a.nominal + b.nominal, a.history + b.history};
}
Pass operator*(double n, const Pass& a) { return {n * a.executed, n * a.nominal, n * a.history}; }

Cost operator+(const Cost& a, const Cost& b) {
  return {a.forward + b.forward, a.backward + b.backward, a.kept + b.kept};
}
Cost operator*(double n, const Cost& a) { return {n * a.forward, n * a.backward, n * a.kept}; }

Cost map_cost(double multiply_adds, double output, bool input_needs_gradient) {
  const double back = multiply_adds * (input_needs_gradient ? 2 : 1);
  return {{multiply_adds, multiply_adds}, {back, back}, output};
}

Cost tcn_cost(const TcnConfig& config, Index in, Index batch, Index length) {
  Cost cost;
  const double c = double(config.channels), output = c * double(length);
  for (Index i = 0; i < config.blocks; ++i) {
    const double from = i == 0 ? double(in) : c, taps = causal_products(length, config.taps, Index(1) << i);
    // The second activation is kept beside the output, for the sign of its ReLU.
    cost = cost + map_cost(from * c * taps, output, i > 0) + map_cost(c * c * taps, 2 * output);
    if (from != c) cost = cost + map_cost(from * output, 0, i > 0);
  }
  return double(batch) * cost;
}

Cost chain_cost(const std::vector<HeadLayer>& layers, bool fold, Index positions, Device device,
                bool input_needs_gradient) {
  const Cost whole = position_cost(layers, input_needs_gradient);
  Cost cost = fold && folding_pays(layers, positions, device)
                  ? position_cost(fold_linear_runs(layers), input_needs_gradient)
                  : whole;
  cost.forward.nominal = whole.forward.executed;
  cost.backward.nominal = whole.backward.executed;
  return double(positions) * cost;
}

Cost image_lift_cost(const Shape& image, Index channels, Index d, Index batch) {
  const Index height = image[1], width = image[2];
  const double c = double(channels), large = double(height * width), small = double(height / 2 * (width / 2)),
               cells = double(height / 4 * (width / 4));
  const double over_large = window_products(height, width),
               over_small = window_products(height / 2, width / 2);
  // Each convolution leaves its output, and batch norm with ReLU and pooling its own.
  return double(batch) *
         (map_cost(double(image[0]) * c * over_large, 2 * c * large, false) +
          map_cost(c * c * over_large, c * (large + small)) + map_cost(c * c * over_small, 2 * c * small) +
          map_cost(c * c * over_small, c * (small + cells)) + map_cost(c * cells * double(d), double(d)));
}

Pass root_solver_pass(const std::string& method, double state, double evaluations) {
  Pass pass{.history = state * evaluations};  // the iterates
  if (evaluations < 2 || method == "picard") return pass;
  const double steps = evaluations - 2;  // after the first, which is a plain one
  if (method == "anderson") {
    constexpr double memory = 6;
    for (double i = 1; i < evaluations; ++i) pass.executed += 3 * std::min(i, memory) * state;
  } else if (method == "gmres") {  // step k reads k rows of both histories four times, and its own twice
    pass.executed = (4 * steps * (steps - 1) / 2 * 2 + 5 * steps) * state;
  } else {  // Broyden: step k reads k rows of U and of V twice, and makes two dot products
    pass.executed = 2 * steps * steps * state;
  }
  pass.nominal = pass.executed;
  pass.history += 2 * state * (evaluations - 1);
  return pass;
}

Cost deq_cell_cost(const DeqConfig& c, Index batch, Index length) {
  const double n = double(batch), l = double(length), d = double(c.d);
  const double maps = n * l * (4 * d * d + 2 * d * double(c.inner));
  // Scores of keys and of positions, and sums of values, over keys that are not ahead.
  const double attention = n * 3 * d * l * (l + 1) / 2;
  // The normalised states, q k v, sums of the softmax, the attention's and the hidden layer's outputs, f.
  return {{maps + attention, maps + attention},
          {maps + 2 * attention, maps + 2 * attention},
          n * l * (7 * d + double(c.heads) + double(c.inner))};
}

Cost deq_cost(const DeqConfig& c, Index tokens, Index batch, Index length, const Evaluations& solved) {
  const double n = double(batch), l = double(length), d = double(c.d), v = double(tokens), state = n * l * d;
  const Cost f = deq_cell_cost(c, batch, length);
  // The evaluation at the solution is recorded, and the last product with J^T also reaches the parameters.
  Cost cost{(solved.forward + 1) * f.forward + root_solver_pass(c.solver, state, solved.forward),
            (solved.backward + 1) * f.backward + root_solver_pass(c.adjoint_solver, state, solved.backward),
            f.kept};
  const double maps = n * l * (4 * d * d + 2 * d * double(c.inner));
  cost.backward = cost.backward + Pass{maps, maps};
  return cost + map_cost(n * l * 3 * d * d, n * l * 4 * d) + map_cost(l * d * d, l * d, false) +
         map_cost(n * l * d * v, n * l * v);
}

Work work_of(const Pass& pass, double floats) {
  return {2 * pass.executed, 2 * pass.nominal, 4 * (floats + 2 * pass.history)};
}

Work training_work(const Cost& cost, double parameters, double data) {
  // Parameters, gradients and both moments are read and written.
  const double floats = data + 8 * parameters + 2 * cost.kept;
  return work_of(cost.forward + cost.backward, floats);
}

Work evaluation_work(const Cost& cost, double parameters, double data, double output) {
  return work_of(cost.forward, data + parameters + output);
}

}  // namespace stillpoint::bench
