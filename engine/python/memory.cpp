// Shares memory with NumPy and with every library that speaks DLPack, in both directions.
#include <nanobind/ndarray.h>

#include "engine/node.h"
#include "engine/python/binding.h"

namespace stillpoint::python {
namespace {

// A Buffer owns its memory, and only Python lends it some. An explicit instantiation may name private
// members, so the engine needs no line for it.
template <auto Data, auto Bytes>
struct Lender {
  friend void lend(Buffer& buffer, void* data, std::size_t bytes) {
    buffer.*Data = data;
    buffer.*Bytes = bytes;
  }
};
template struct Lender<&Buffer::data_, &Buffer::bytes_>;
void lend(Buffer& buffer, void* data, std::size_t bytes);

DType dtype_of(const nb::ndarray<>& array) {
  if (array.dtype() == nb::dtype<float>()) return DType::float32;
  if (array.dtype() == nb::dtype<double>()) return DType::float64;
  require(array.dtype() == nb::dtype<std::int32_t>(), "Tensor: given an array of another type (code ",
          int(array.dtype().code), ", ", int(array.dtype().bits),
          " bits), expected float32, float64 or int32, convert it with astype()");
  return DType::int32;
}

bool is_contiguous(const nb::ndarray<>& array) {
  std::int64_t expected = 1;
  for (std::size_t axis = array.ndim(); axis-- > 0; expected *= std::int64_t(array.shape(axis)))
    if (array.shape(axis) != 1 && array.size() > 0 && array.stride(axis) != expected) return false;
  return true;
}

template <class Framework>
nb::object lent(const Tensor& x) {
  require(x.device() == Device::cpu, "Tensor: given a tensor on ", name_of(x.device()),
          ", expected one on the CPU, move it with to(\"cpu\")");
  auto kept = std::make_unique<Tensor>(x.detach());
  const std::vector<std::size_t> shape(x.shape().begin(), x.shape().end());
  const nb::dlpack::dtype type = x.dtype() == DType::float32   ? nb::dtype<float>()
                                 : x.dtype() == DType::float64 ? nb::dtype<double>()
                                                               : nb::dtype<std::int32_t>();
  const nb::capsule owner(kept.get(), [](void* tensor) noexcept { delete static_cast<Tensor*>(tensor); });
  void* const data = kept.release()->array().data;
  return nb::cast(nb::ndarray<Framework>(data, shape.size(), shape.data(), owner, nullptr, type));
}

}  // namespace

Tensor share(const nb::object& object) {
  nb::ndarray<> array;
  require(nb::try_cast(object, array, false), "Tensor: given ", nb::type_name(object.type()).c_str(),
          ", expected a writable array of NumPy or DLPack, pass tensor(x), which copies");
  require(array.device_type() == nb::device::cpu::value,
          "Tensor: given memory of another device, expected the CPU's, move it to the CPU first");
  require(is_contiguous(array),
          "Tensor: given an array with gaps, expected a contiguous one, pass tensor(x), which copies");
  const DType dtype = dtype_of(array);
  Shape shape;
  for (std::size_t axis = 0; axis < array.ndim(); ++axis) shape.push_back(Index(array.shape(axis)));
  Tensor x = Tensor::empty({0}, {dtype, Device::cpu});
  Node& node = *x.node();
  const std::size_t bytes = std::size_t(count(shape) * size_of(dtype));
  // The array's destructor takes Python's lock, so that any thread may drop the last tensor.
  node.storage = std::shared_ptr<Buffer>(new Buffer(), [array](Buffer* buffer) {
    lend(*buffer, nullptr, 0);
    delete buffer;
  });
  lend(*node.storage, array.data(), bytes);
  node.shape = std::move(shape);
  return x;
}

nb::object numpy_of(const Tensor& x) { return lent<nb::numpy>(x); }
nb::object dlpack_of(const Tensor& x) { return lent<nb::array_api>(x); }

}  // namespace stillpoint::python
