// Counts the arithmetic of models and root solvers.
#include <algorithm>
#include <cmath>

#include "engine/cases/op_counts.h"
#include "models/cost/solver_costs.h"
#include "models/fold.h"
#include "models/image_sim.h"

namespace stillpoint {
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

// The blocks of x (batch,in,length). x needs no gradient.
Cost tcn_cost(const Tcn& tcn, Index batch, Index length) {
  Cost cost;
  for (const TcnBlock& block : tcn.blocks) {
    const Shape& v = block.conv1.v.shape();
    const double c = double(v[0]), from = double(v[1]), output = c * double(length);
    const double taps = causal_products(length, v[2], block.dilation);
    const bool first = &block == tcn.blocks.data();
    // The second activation is kept beside the output, for the sign of its ReLU.
    cost = cost + map_cost(from * c * taps, output, !first) + map_cost(c * c * taps, 2 * output);
    if (block.down.w.defined()) cost = cost + map_cost(from * output, 0, !first);
  }
  return double(batch) * cost;
}

// A chain of layers on so many positions, folded as SimHead does it.
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

// phi of images (colours,height,width), up to its linear map to d features. The images need no gradient.
Cost image_lift_cost(const ImageLift& phi, const Tensor& images) {
  const Index height = images.dim(2), width = images.dim(3);
  const double c = double(phi.convs[0].w.dim(0)), d = double(phi.lift.w.dim(0)),
               large = double(height * width), small = double(height / 2 * (width / 2)),
               cells = double(height / 4 * (width / 4));
  const double over_large = window_products(height, width),
               over_small = window_products(height / 2, width / 2);
  // Each convolution leaves its output, and batch norm with ReLU and pooling its own.
  return double(images.dim(0)) *
         (map_cost(double(images.dim(1)) * c * over_large, 2 * c * large, false) +
          map_cost(c * c * over_large, c * (large + small)) + map_cost(c * c * over_small, 2 * c * small) +
          map_cost(c * c * over_small, c * (small + cells)) + map_cost(c * cells * d, d));
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

Pass root_solver_pass(const std::string& method, double state, double evaluations) {
  Pass pass{.history = state * evaluations};  // the iterates
  if (evaluations < 2 || method == "picard") return pass;
  const double steps = evaluations - 2;  // after the first, which is a plain one
  if (method == "anderson") {
    constexpr double memory = 6;
    for (int i = 1; i < evaluations; ++i) pass.executed += 3 * std::min<double>(i, memory) * state;
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

Cost DeqTransformer::cost(const Tensor& x, const Evaluations& solved) const {
  const DeqConfig& c = config_;
  const double n = double(x.dim(0)), l = double(x.dim(-1)), d = double(c.d),
               outputs = double(out_bias.dim(0)), state = n * l * d;
  const Cost f = deq_cell_cost(c, x.dim(0), x.dim(-1));
  // The evaluation at the solution is recorded, and the last product with J^T also reaches the parameters.
  Cost cost{(solved.forward + 1) * f.forward + root_solver_pass(c.solver, state, solved.forward),
            (solved.backward + 1) * f.backward + root_solver_pass(c.adjoint_solver, state, solved.backward),
            f.kept};
  const double maps = n * l * (4 * d * d + 2 * d * double(c.inner));
  cost.backward = cost.backward + Pass{maps, maps};
  if (input.w.defined()) cost = cost + map_cost(n * l * d * double(input.w.dim(1)), n * l * d, false);
  return cost + map_cost(n * l * 3 * d * d, n * l * 4 * d) + map_cost(l * d * d, l * d, false) +
         map_cost(n * l * d * outputs, n * l * outputs);
}

Cost SequenceSim::cost(const Tensor& x, const Evaluations&) const {
  const Index positions = x.dim(0) * x.dim(2);
  Cost cost =
      tcn_cost(phi.tcn, x.dim(0), x.dim(2)) +
      chain_cost(head.layers({phi.lift.layer(Activation::identity)}), head.fold, positions, x.device(), true);
  cost.kept += double(positions * phi.lift.w.dim(1));  // in the order of positions
  return cost;
}

Cost SequenceTcn::cost(const Tensor& x, const Evaluations&) const {
  const double positions = double(x.dim(0) * x.dim(2)), channels = double(out.w.dim(1)),
               outputs = double(out.w.dim(0));
  Cost cost =
      tcn_cost(tcn, x.dim(0), x.dim(2)) + map_cost(positions * channels * outputs, positions * outputs);
  cost.kept += positions * channels;
  return cost;
}

Cost CoordinateSim::cost(const Tensor& x, const Evaluations&) const {
  return chain_cost(layers(), head.fold, x.dim(0), x.device(), false);
}

Cost ImageSim::cost(const Tensor& x, const Evaluations&) const {
  return image_lift_cost(phi, x) + chain_cost(head.layers({}), head.fold, x.dim(0), x.device(), true);
}

}  // namespace stillpoint
