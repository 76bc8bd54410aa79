// Makes and converts tensor values, and copies them between devices.
#include "engine/tensor.h"

#include "engine/node.h"
#include "kernels/elementwise/elementwise.h"

namespace stillpoint {
namespace {

const Node& node_of(const Tensor& x) {
  require(x.defined(), "tensor: given an undefined tensor, expected a value, initialise it first");
  return *x.node();
}

template <class T>
Tensor from_host(const std::vector<T>& values, Shape shape, Device device) {
  require(Index(values.size()) == count(shape), "tensor: given ", values.size(), " values, expected ",
          count(shape), " for shape ", to_text(shape), ", check the shape");
  Tensor y = Tensor::empty(std::move(shape), {dtype_of<T>(), device});
  copy_bytes(y.array().data, device, values.data(), Device::cpu, values.size() * sizeof(T));
  return y;
}

}  // namespace

Index count(const Shape& shape) {
  Index product = 1;
  for (const Index size : shape)
    require(!__builtin_mul_overflow(product, size, &product), "tensor: given shape ", to_text(shape),
            ", expected less than 2^63 elements, check the sizes");
  return product;
}

Tensor Tensor::empty(Shape shape, TensorOptions options) {
  for (Index size : shape)
    require(size >= 0, "tensor: given shape ", to_text(shape), ", expected sizes >= 0, check the shape");
  Tensor y;
  y.node_ = std::make_shared<Node>();
  std::size_t bytes = 0;
  require(!__builtin_mul_overflow(std::size_t(count(shape)), std::size_t(size_of(options.dtype)), &bytes),
          "tensor: given shape ", to_text(shape), ", expected less than 2^64 bytes, check the sizes");
  try {
    y.node_->storage = std::make_shared<Buffer>(options.device, bytes);
  } catch (const OutOfMemory& error) {
    throw OutOfMemory(text("tensor of shape ", to_text(shape), ": ", error.what()));
  }
  y.node_->shape = std::move(shape);
  y.node_->dtype = options.dtype;
  return y;
}

Tensor Tensor::zeros(Shape shape, TensorOptions options) {
  Tensor y = empty(std::move(shape), options);
  zero_bytes(y.array().data, options.device, y.node_->storage->bytes());
  return y;
}

Tensor Tensor::full(Shape shape, double value, TensorOptions options) {
  Tensor y = empty(std::move(shape), options);
  kernels::fill(y.array(), value);
  return y;
}

Tensor Tensor::from(const std::vector<double>& values, Shape shape, TensorOptions options) {
  return from_host(values, std::move(shape), Device::cpu).to(options.dtype).to(options.device);
}
Tensor Tensor::from(const std::vector<float>& values, Shape shape, Device device) {
  return from_host(values, std::move(shape), device);
}
Tensor Tensor::from(const std::vector<std::int32_t>& values, Shape shape, Device device) {
  return from_host(values, std::move(shape), device);
}

const Shape& Tensor::shape() const { return node_of(*this).shape; }
Index Tensor::size() const { return count(shape()); }
DType Tensor::dtype() const { return node_of(*this).dtype; }
Device Tensor::device() const { return node_of(*this).storage->device(); }
const char* Tensor::op() const { return node_of(*this).op; }
bool Tensor::requires_grad() const { return defined() && node_->requires_grad; }

Index Tensor::dim(Index axis) const {
  const Index place = axis < 0 ? axis + rank() : axis;
  require(place >= 0 && place < rank(), "tensor: given axis ", axis, ", expected one of a tensor of shape ",
          to_text(shape()), ", check the rank");
  return shape()[std::size_t(place)];
}

Array Tensor::array() const {
  const Node& node = node_of(*this);
  return {node.storage->data(), count(node.shape), node.dtype, node.storage->device()};
}

Tensor with_shape(const Tensor& x, Shape shape) {
  const Node& node = node_of(x);
  require(count(shape) == x.size(), "reshape: given ", to_text(x.shape()), " to ", to_text(shape),
          ", expected an equal number of elements, check the shapes");
  Tensor y;
  y.node_ = std::make_shared<Node>();
  y.node_->storage = node.storage;
  y.node_->shape = std::move(shape);
  y.node_->dtype = node.dtype;
  return y;
}

Tensor Tensor::detach() const { return with_shape(*this, shape()); }

Tensor Tensor::variable() const {
  require(dtype() != DType::int32, "variable: given int32, expected float32 or float64, convert it first");
  Tensor y = detach();
  y.node_->requires_grad = true;
  return y;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == this->dtype()) return *this;
  Tensor y = empty(shape(), {dtype, device()});
  kernels::cast(array(), y.array());
  return record(y, "cast", {*this},
                [](const VjpContext& c) { return std::vector<Tensor>{c.g.to(c.inputs[0].dtype())}; });
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  Tensor y = empty(shape(), {dtype(), device});
  copy_bytes(y.array().data, device, array().data, this->device(), node_->storage->bytes());
  return record(y, "copy", {*this},
                [](const VjpContext& c) { return std::vector<Tensor>{c.g.to(c.inputs[0].device())}; });
}

std::vector<double> Tensor::values() const {
  const Tensor host = detach().to(Device::cpu).to(DType::float64);
  const double* first = host.array().as<double>();
  return {first, first + host.size()};
}

double Tensor::item() const {
  require(size() == 1, "item: given shape ", to_text(shape()), ", expected one element, reduce it first");
  return values()[0];
}

void Tensor::assign(const Tensor& value) const {
  require(node_of(*this).inputs.empty(), "assign: given the result of ", op(),
          ", expected a leaf, assign to the parameter itself");
  require(shape() == value.shape(), "assign: given shape ", to_text(value.shape()), ", expected ",
          to_text(shape()), ", check the source");
  const Tensor source = value.detach().to(dtype());
  copy_bytes(array().data, device(), source.array().data, source.device(),
             std::size_t(size() * size_of(dtype())));
}

}  // namespace stillpoint
