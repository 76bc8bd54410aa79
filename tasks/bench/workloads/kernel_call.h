// What rows of kernels share: their arrays and the work of a call.
#pragma once
#include "tasks/bench/workloads/calls.h"

namespace stillpoint::bench {

// A call that takes so many flops and touches so many floats once each.
inline Call kernel_call(Index examples, double flops, double floats, std::function<void()> run) {
  return {.work = {flops, flops, 4 * floats}, .examples = examples, .run = std::move(run)};
}

inline Tensor empty_on(Shape shape, Device device, DType dtype = DType::float32) {
  return Tensor::empty(std::move(shape), {dtype, device});
}

// The sizes that a kernel follows are those that its usual ones set.
inline Workload kernel_row(std::string name, std::string summary, Sizes usual,
                           std::function<Call(const Sizes&, Device)> make) {
  Workload w;
  w.name = "kernel/" + std::move(name);
  w.summary = std::move(summary);
  w.axes.batch = usual.batch > 0;
  w.axes.length = usual.length > 0;
  w.axes.width = usual.width > 0;
  w.axes.evaluations = usual.evaluations > 0;
  w.usual = std::move(usual);
  w.make = std::move(make);
  return w;
}

}  // namespace stillpoint::bench
