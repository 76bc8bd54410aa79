// Tensors that remember how they were made, and the gradients of recorded work.
#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint {

using Shape = std::vector<Index>;
// Prints as "(2, 3)", and is formatted only when it is printed. It must not outlive its shape.
struct ShapeText {
  const Shape& shape;
};
inline ShapeText to_text(const Shape& shape) { return {shape}; }
std::ostream& operator<<(std::ostream& out, const ShapeText& text);
Index count(const Shape& shape);  // product of the sizes

// The type and the device of a new tensor.
struct TensorOptions {
  DType dtype = DType::float32;
  Device device = Device::cpu;
};

struct Node;
struct VjpContext;
// Gradients of a recorded op's inputs; an entry whose context.wants(i) is false may be an undefined tensor.
using Vjp = std::function<std::vector<class Tensor>(const VjpContext& context)>;

// A handle to an immutable, contiguous, row-major value. Copies share the value. No op writes to a tensor.
// `assign` and the optimisers write to leaves, and solvers, running statistics and gradient buckets to their
// own tensors.
class Tensor {
 public:
  Tensor() = default;  // undefined
  static Tensor empty(Shape shape, TensorOptions options = {});
  static Tensor zeros(Shape shape, TensorOptions options = {});
  static Tensor full(Shape shape, double value, TensorOptions options = {});
  // Converts host values to options.dtype. Throws Error if values.size() is not the product of the shape.
  static Tensor from(const std::vector<double>& values, Shape shape, TensorOptions options = {});
  static Tensor from(const std::vector<float>& values, Shape shape, Device device = Device::cpu);
  static Tensor from(const std::vector<std::int32_t>& values, Shape shape, Device device = Device::cpu);

  bool defined() const { return node_ != nullptr; }
  const Shape& shape() const;
  Index rank() const { return Index(shape().size()); }
  Index dim(Index axis) const;  // axis < 0 counts from the end
  Index size() const;
  DType dtype() const;
  Device device() const;
  TensorOptions options() const { return {dtype(), device()}; }
  Array array() const;
  const char* op() const;  // name of the op that made it, "" for a leaf

  // Returns a leaf that shares this tensor's memory, and for which gradients can be asked.
  Tensor variable() const;
  // Returns the same value without its history.
  Tensor detach() const;
  bool requires_grad() const;

  Tensor to(DType dtype) const;
  Tensor to(Device device) const;
  double item() const;  // the single element
  std::vector<double> values() const;
  // Overwrites a leaf in place; equal shapes, any dtype and device.
  void assign(const Tensor& value) const;

  const std::shared_ptr<Node>& node() const { return node_; }

 private:
  friend Tensor record(Tensor y, const char* op, std::initializer_list<Tensor> inputs, Vjp vjp);
  friend Tensor record(Tensor y, const char* op, std::vector<Tensor> inputs, Vjp vjp);
  friend Tensor with_shape(const Tensor& x, Shape shape);
  std::shared_ptr<Node> node_;
};

// Writes `[[1, 2], [3, 4]] float32 (2, 2) on cpu`, a row per line. If a tensor has more than 1000 elements,
// only three at either end of a long axis are written.
std::ostream& operator<<(std::ostream& out, const Tensor& x);

// The data that a vjp reads: the output y, its cotangent g, the inputs, and which gradients are wanted.
struct VjpContext {
  const Tensor& y;
  const Tensor& g;
  const std::vector<Tensor>& inputs;
  std::vector<char> wanted;  // per input
  bool wants(std::size_t input) const { return wanted[input] != 0; }
};

// Makes y remember its inputs and vjp if recording is on and an input requires a gradient; returns y. The vjp
// is written with ops, so that it is itself differentiable. It must not capture y (it is given as context.y).
Tensor record(Tensor y, const char* op, std::initializer_list<Tensor> inputs, Vjp vjp);
Tensor record(Tensor y, const char* op, std::vector<Tensor> inputs, Vjp vjp);
// Returns the same memory under another shape of equal size, unrecorded.
Tensor with_shape(const Tensor& x, Shape shape);

// While one lives on this thread nothing is recorded or, given true, recording is on again.
class Recording {
 public:
  explicit Recording(bool on);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  static bool on();

 private:
  bool before_;
};

struct GradOptions {
  bool create_graph = false;  // record the gradients themselves, for higher orders
  bool allow_unused = false;  // zeros for an x that y does not depend on, instead of an Error
  // Called once per x, while the pass goes on, as soon as its gradient is complete; zeros come last.
  std::function<void(std::size_t x, const Tensor& gradient)> on_ready = {};
};

// Vector-Jacobian product: for each x the sum over y's elements of seed * dy/dx (the seed of a single element
// is 1 by default). It stores nothing on tensors, and may be called many times on one graph, which lives as
// long as y.
std::vector<Tensor> grad(const Tensor& y, const std::vector<Tensor>& xs, const Tensor& seed = {},
                         GradOptions options = {});

// Returns the vjp of a fused op through `reference`, the same value recorded from the op's own inputs by
// plain ops. A fused op returns it while its gradient is itself being recorded.
std::vector<Tensor> grad_through(const VjpContext& context, const Tensor& reference);

}  // namespace stillpoint
