// Kernels of the root solvers and of monotone splitting.
#include "kernels/monotone/complex_inverse.h"
#include "kernels/monotone/splitting_steps.h"
#include "kernels/root_solver/broyden_step.h"
#include "kernels/root_solver/history.h"
#include "kernels/root_solver/reversible_step.h"
#include "kernels/root_solver/root_state.h"
#include "models/cost/solver_costs.h"
#include "solvers/monotone/frequency_grid.h"
#include "tasks/bench/workloads/families.h"
#include "tasks/bench/workloads/kernel_call.h"

namespace stillpoint::bench {
namespace {

// The products and the sum of a step with the rows of one factor; a state has (length,width) floats.
Call history(const Sizes& s, Device device) {
  const Index count = s.evaluations, state = s.length * s.width;
  const Tensor rows = normal_data({s.batch, count, state}, 1, device),
               x = normal_data({s.batch, state}, 2, device), c = empty_on({s.batch, count}, device),
               y = empty_on({s.batch, state}, device);
  return kernel_call(s.batch, 4.0 * double(rows.size()), double(rows.size() + 2 * x.size() + 2 * c.size()),
                     [=] {
                       const kernels::History h{rows.array(), s.batch, count, state, count};
                       kernels::history_products(h, x.array(), c.array());
                       kernels::history_sum(h, c.array(), x.array(), y.array());
                     });
}

Call residuals(const Sizes& s, Device device) {
  const Tensor z = normal_data({s.batch, s.length * s.width}, 1, device),
               f = normal_data(z.shape(), 2, device), best = empty_on(z.shape(), device),
               lowest = Tensor::full({2, s.batch}, 1e30, z.options()),
               first = Tensor::zeros({s.batch}, z.options()),
               status = Tensor::zeros({s.batch}, {DType::int32, device}),
               steps = Tensor::zeros({s.batch}, {DType::int32, device}),
               better = Tensor::zeros({s.batch}, {DType::int32, device}), trace = empty_on({s.batch}, device);
  return kernel_call(s.batch, 3.0 * double(z.size()), 3.0 * double(z.size()), [=] {
    const kernels::RootState state{lowest.array(), first.array(), status.array(), steps.array(),
                                   better.array()};
    kernels::judge_residuals(z.array(), f.array(), 1, {.divergence = 1e5}, state, trace.array());
    kernels::copy_where(better.array(), z.array(), best.array());
  });
}

// A step of Broyden's method after `evaluations` updates.
Call broyden_step(const Sizes& s, Device device) {
  const Index count = s.evaluations, capacity = count + 1, state = s.length * s.width;
  const Shape shape{s.batch, state};
  const Tensor z = normal_data(shape, 1, device), f = normal_data(shape, 2, device),
               p = normal_data(shape, 3, device), u = normal_data({s.batch, capacity, state}, 4, device),
               v = normal_data(u.shape(), 5, device), next_p = empty_on(shape, device),
               next_z = empty_on(shape, device), best = empty_on(shape, device),
               products = empty_on({s.batch, 2 * count + 2}, device), trace = empty_on({s.batch}, device),
               lowest = Tensor::full({2, s.batch}, 1e30, z.options()),
               first = Tensor::zeros({s.batch}, z.options()),
               status = Tensor::zeros({s.batch}, {DType::int32, device}),
               steps = Tensor::zeros({s.batch}, {DType::int32, device}),
               better = Tensor::zeros({s.batch}, {DType::int32, device});
  const double n = double(z.size());
  return kernel_call(s.batch, 8.0 * double(count) * n, 4.0 * double(count) * n + 11 * n, [=] {
    const kernels::RootState root{lowest.array(), first.array(), status.array(), steps.array(),
                                  better.array()};
    const kernels::BroydenStep step{z.array(),
                                    f.array(),
                                    p.array(),
                                    {u.array(), s.batch, capacity, state, count},
                                    {v.array(), s.batch, capacity, state, count},
                                    products.array(),
                                    {}};
    kernels::broyden_judge(step, 1, {.divergence = 1e30}, root, trace.array());
    kernels::broyden_move(step, root, {best.array(), next_p.array(), next_z.array()});
  });
}

Call anderson_weights(const Sizes& s, Device device) {
  const Index n = s.width;
  const Tensor rows = normal_data({s.batch, n, 2 * n}, 1, device),
               gram = matmul(rows, rows, {.transpose_b = true}), alpha = empty_on({s.batch, n}, device);
  const kernels::AndersonSystem system{s.batch, n, n, 0, 1e-4, true};
  const double size = double(n + 1);
  return kernel_call(s.batch, double(s.batch) * 2 * size * size * size / 3,
                     double(gram.size() + alpha.size()),
                     [=] { kernels::anderson_weights(gram.array(), system, alpha.array()); });
}

Call reversible_step(const Sizes& s, Device device) {
  const Shape shape{s.batch, s.length * s.width};
  const Tensor high = normal_data(shape, 1, device), low = Tensor::zeros(shape, high.options()),
               f = normal_data(shape, 2, device);
  return kernel_call(s.batch, 6.0 * double(f.size()), 10.0 * double(f.size()), [=] {
    const kernels::TwoWord state{high.array(), low.array()};
    kernels::damped_step(state, f.array(), 0.5, state);
    kernels::undo_damped_step(state, f.array(), 0.5, state);
  });
}

// The state of a monotone network's single convolution.
Tensor image_state(const Sizes& s, std::uint64_t stream, Device device) {
  return normal_data({s.length * s.length, s.width, s.batch}, stream, device);
}
double frequencies_size(const Sizes& s) {
  return 2 * double(kernels::HalfFrequencies{s.length}.count() * s.width * s.batch);
}

Call frequency_grid(const Sizes& s, Device device, bool inverse) {
  const FrequencyGrid grid(s.length, {DType::float32, device});
  const Tensor z = image_state(s, 1, device), frequencies = grid.forward(z);
  const double images = double(s.width * s.batch), flops = 2 * images * transform_products(s.length, device);
  Call call = kernel_call(s.batch, flops, double(z.size()) + frequencies_size(s), [=] {
    if (inverse)
      grid.inverse(frequencies);
    else
      grid.forward(z);
  });
  call.work.nominal_flops = 2 * images * fast_transform_products(s.length);
  return call;
}

Call frequency_product(const Sizes& s, Device device) {
  const Index c = s.width, count = kernels::HalfFrequencies{s.length}.count();
  const Tensor blocks = normal_data({count, 2 * c, 2 * c}, 1, device),
               x = normal_data({count, 2, c, s.batch}, 2, device);
  return kernel_call(s.batch, 8.0 * double(c * c * count * s.batch), double(blocks.size() + 2 * x.size()),
                     [=] { stillpoint::frequency_product(blocks, x); });
}

// A diagonal of 40 keeps the pivots away from 0. Every second call inverts back.
Call complex_inverse(const Sizes& s, Device device) {
  const Index c = s.width, count = kernels::HalfFrequencies{s.length}.count();
  const Tensor m = normal_data({count, 2, c, c}, 1, device);
  kernels::sum_blocks(c, {40, 1, 0}, {}, m.array());
  return kernel_call(1, 8.0 * double(c * c * c * count), 2.0 * double(m.size()),
                     [=] { kernels::complex_inverse(c, m.array()); });
}

// Both element-wise sweeps of an iteration, and its judgement.
Call peaceman_rachford(const Sizes& s, Device device) {
  const Tensor shift = image_state(s, 1, device), u = Tensor::zeros(shift.shape(), shift.options()),
               v = image_state(s, 2, device), r = empty_on(shift.shape(), device);
  const Index width = s.width * s.batch;
  const Tensor sums = empty_on({kernels::splitting_sums(s.length * s.length, width)}, device),
               status = Tensor::zeros({1}, {DType::int32, device}),
               steps = Tensor::zeros({1}, {DType::int32, device}),
               residual = Tensor::zeros({1}, shift.options()), first = Tensor::zeros({1}, shift.options()),
               trace = Tensor::zeros({1}, shift.options());
  return kernel_call(s.batch, 13.0 * double(u.size()), 6.0 * double(u.size()), [=] {
    const kernels::SplittingState state{status.array(), steps.array(), residual.array(), first.array()};
    const kernels::SplittingPart part{u.array(), shift.array(), {}, s.length};
    kernels::peaceman_rachford_before(part, 1, r.array());
    kernels::peaceman_rachford_after(part, 1, v.array(), state, sums.array());
    kernels::judge_splitting({sums.array()}, {1, 0, 1e6}, state, trace.array());
  });
}

Call swap_ends(const Sizes& s, Device device) {
  const Tensor x = image_state(s, 1, device), y = empty_on(x.shape(), device);
  return kernel_call(s.batch, 0, 2.0 * double(x.size()),
                     [=] { kernels::swap_ends(x.dim(0), x.dim(1), x.dim(2), x.array(), y.array()); });
}

}  // namespace

void add_solver_kernels(std::vector<Workload>& workloads) {
  const auto add = [&](const char* name, const char* summary, const Sizes& usual,
                       std::function<Call(const Sizes&, Device)> make) {
    workloads.push_back(kernel_row(name, summary, usual, std::move(make)));
  };
  const Sizes state{.batch = 1, .length = 520, .width = 40}, image{.batch = 128, .length = 30, .width = 56};
  Sizes rows = state, square = image;
  rows.evaluations = 30;
  square.batch = 0;
  add("history", "products and sum with the rows of a root solver", rows, history);
  add("residuals", "the judgement of z and f(z)", state, residuals);
  add("broyden-step", "a step of Broyden's method after `evaluations` updates", rows, broyden_step);
  add("anderson-weights", "the weights of `width` iterates", {.batch = 1, .width = 6}, anderson_weights);
  add("reversible-step", "a damped step of two words, and its reversal", state, reversible_step);
  add("frequency-grid", "the transform of (length,length) images of `width` channels", image,
      [](const Sizes& s, Device d) { return frequency_grid(s, d, false); });
  add("frequency-grid-inverse", "the inverse transform", image,
      [](const Sizes& s, Device d) { return frequency_grid(s, d, true); });
  add("frequency-product", "a complex product per frequency", image, frequency_product);
  add("complex-inverse", "a complex inverse per frequency", square, complex_inverse);
  add("peaceman-rachford", "the element-wise half of an iteration", image, peaceman_rachford);
  add("swap-ends", "(places,channels,samples) to (samples,channels,places)", image, swap_ends);
}

}  // namespace stillpoint::bench
