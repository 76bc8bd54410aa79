// Every op of the table of cases at the paper's sizes: its value, and its gradients.
#include <algorithm>

#include "engine/cases/op_cases.h"
#include "kernels/random/random.h"
#include "tasks/bench/workloads/calls.h"
#include "tasks/bench/workloads/families.h"

namespace stillpoint::bench {
namespace {

Tensor drawn(const OpInput& input, Shape shape, std::uint64_t stream, Device device) {
  if (input.draw == Draw::ids) return integer_data(std::move(shape), stream, input.bound, device);
  const Tensor x = Tensor::empty(std::move(shape), {DType::float32, device});
  const bool any_sign = input.draw == Draw::signed_with_ties;
  kernels::fill_uniform(x.array(), {7, stream}, any_sign ? -1.5 : 0.2, any_sign ? 1.5 : 1.7);
  return input.constant ? x : x.variable();
}

// The inputs of a row at some sizes, and those among them that have a gradient.
struct OpAt {
  std::vector<Tensor> inputs, differentiable;
  double floats = 0, flops = 0;  // of the inputs; of the value
};

OpAt op_at(const OpCase& c, const Sizes& s, Device device) {
  const Shapes shapes = c.paper.shapes({s.batch, s.length, s.width});
  OpAt at;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const OpInput& input = c.inputs[i];
    at.inputs.push_back(drawn(input, shapes[i], i, device));
    at.floats += double(at.inputs[i].size());
    if (!input.constant && input.draw != Draw::ids) at.differentiable.push_back(at.inputs[i]);
  }
  at.flops = c.paper.flops ? c.paper.flops(shapes) : 0;
  return at;
}

Call call_of(const Sizes& s, double flops, double floats, std::function<void()> run) {
  return {.work = {flops, flops, 4 * floats}, .examples = std::max<Index>(1, s.batch), .run = std::move(run)};
}

// A value in its input's memory moves nothing.
Call value(const OpCase& c, const Sizes& s, Device device) {
  const OpAt at = op_at(c, s, device);
  const auto run = [op = c.op, inputs = at.inputs] {
    const Recording off(false);
    return op(inputs);
  };
  const Tensor y = run();
  const bool moves = y.array().data != at.inputs[0].array().data;
  return call_of(s, at.flops, moves ? at.floats + double(y.size()) : 0, [run] { run(); });
}

// A gradient reads the cotangent and, unless the op is linear, the inputs. One that is the cotangent itself
// costs nothing.
Call gradient(const OpCase& c, const Sizes& s, Device device) {
  const OpAt at = op_at(c, s, device);
  const Tensor y = c.op(at.inputs),
               seed = drawn({.shape = y.shape(), .constant = true}, y.shape(), 99, device);
  const auto run = [y, seed, xs = at.differentiable] { return grad(y, xs, seed); };
  double written = 0, read = double(seed.size());
  for (const Tensor& g : run())
    if (g.array().data != seed.array().data) written += double(g.size());
  const bool linear = c.paper.linear || !c.paper.flops;
  for (std::size_t i = 0; i < at.inputs.size(); ++i)
    if (!linear || c.inputs[i].draw == Draw::ids) read += double(at.inputs[i].size());
  const double flops = c.paper.gradient * at.flops;
  return call_of(s, written > 0 ? flops : 0, written > 0 ? read + written : 0, [run] { run(); });
}

}  // namespace

void add_ops(std::vector<Workload>& workloads) {
  for (const OpCase& c : op_cases()) {
    if (!c.paper.shapes) continue;
    Workload row;
    row.name = "op/" + c.name;
    std::replace(row.name.begin(), row.name.end(), ' ', '-');
    row.summary = "the value of " + c.name;
    row.usual.batch = c.paper.usual.batch;
    row.usual.length = c.paper.usual.length;
    row.usual.width = c.paper.usual.width;
    row.axes = {.batch = row.usual.batch > 0, .length = row.usual.length > 0, .width = row.usual.width > 0};
    row.make = [c](const Sizes& s, Device d) { return value(c, s, d); };
    workloads.push_back(row);
    const bool has_gradient = std::any_of(c.inputs.begin(), c.inputs.end(), [](const OpInput& input) {
      return !input.constant && input.draw != Draw::ids;
    });
    if (!has_gradient) continue;
    row.name += "/gradient";
    row.summary = "the gradients of " + c.name;
    row.make = [c](const Sizes& s, Device d) { return gradient(c, s, d); };
    workloads.push_back(std::move(row));
  }
}

}  // namespace stillpoint::bench
