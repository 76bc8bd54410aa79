// Finds the cheapest folding of a linear run as a shortest path over its widths.
#include "models/fold.h"

#include <algorithm>
#include <limits>

#include "kernels/sim_head/sim_head.h"

namespace stillpoint {
namespace {

// w2 (w1 x + b1) + b2
HeadLayer compose(const HeadLayer& first, const HeadLayer& second) {
  HeadLayer both{matmul(second.w, first.w), second.b, second.activation};
  if (first.b.defined()) both.b = reshape(linear(reshape(first.b, {1, -1}), second.w, second.b), {-1});
  return both;
}

// Returns the ends of the segments of the cheapest path through one run, in order.
std::vector<std::size_t> cheapest_ends(const std::vector<HeadLayer>& run) {
  std::vector<Index> widths{run.front().w.dim(1)};
  for (const HeadLayer& layer : run) widths.push_back(layer.w.dim(0));
  std::vector<Index> cost(widths.size(), std::numeric_limits<Index>::max());
  std::vector<std::size_t> from(widths.size(), 0);
  cost[0] = 0;
  for (std::size_t b = 1; b < widths.size(); ++b)
    for (std::size_t a = 0; a < b; ++a)
      if (cost[a] + widths[a] * widths[b] < cost[b]) {
        cost[b] = cost[a] + widths[a] * widths[b];
        from[b] = a;
      }
  std::vector<std::size_t> ends;
  for (std::size_t b = widths.size() - 1; b > 0; b = from[b]) ends.insert(ends.begin(), b);
  return ends;
}

void fold_run(const std::vector<HeadLayer>& run, std::vector<HeadLayer>& out) {
  std::size_t begin = 0;
  for (std::size_t end : cheapest_ends(run)) {
    HeadLayer segment = run[begin];
    for (std::size_t i = begin + 1; i < end; ++i) segment = compose(segment, run[i]);
    out.push_back(segment);
    begin = end;
  }
}

}  // namespace

std::vector<HeadLayer> fold_linear_runs(const std::vector<HeadLayer>& layers) {
  std::vector<HeadLayer> out, run;
  for (const HeadLayer& layer : layers) {
    run.push_back(layer);
    if (layer.activation == Activation::identity) continue;
    fold_run(run, out);
    run.clear();
  }
  if (!run.empty()) fold_run(run, out);
  return out;
}

bool folding_pays(const std::vector<HeadLayer>& layers, Index positions, Device device) {
  constexpr Index few_positions = 32768;
  const bool narrow = std::all_of(layers.begin(), layers.end(), [](const HeadLayer& layer) {
    const Index outputs = layer.w.dim(0) * (layer.activation == Activation::fourier ? 2 : 1);
    return std::max(layer.w.dim(1), outputs) <= kernels::narrow_width;
  });
  return device == Device::cpu || !narrow || positions > few_positions;
}

Index multiply_adds(const std::vector<HeadLayer>& layers) {
  Index total = 0;
  for (const HeadLayer& layer : layers) total += layer.w.size();
  return total;
}

}  // namespace stillpoint
