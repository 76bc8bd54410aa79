// The class Tensor in Python, gradients, and the structs that ops take.
#include "engine/python/binding.h"

namespace stillpoint::python {
namespace {

DType dtype_named(const std::string& name) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int32})
    if (name == name_of(dtype)) return dtype;
  fail("dtype: given ", name, ", expected float32, float64 or int32, choose one");
}

Tensor power(const Tensor& x, double exponent) {
  if (exponent == 1) return x;
  if (exponent == 2) return square(x);
  if (exponent == 0.5) return square_root(x);
  if (exponent == -1) return reciprocal(x);
  fail("power: given exponent ", exponent, ", expected 2, 1, 0.5 or -1, use exponential(a * logarithm(x))");
}

// `with no_grad():` on the thread that enters it.
class NoGrad {
 public:
  void enter() { recordings_.push_back(std::make_shared<Recording>(false)); }
  void exit() {
    require(!recordings_.empty(),
            "no_grad: given an exit before an entry, expected pairs, write `with no_grad():`");
    recordings_.pop_back();
  }

 private:
  std::vector<std::shared_ptr<Recording>> recordings_;
};

using TensorClass = nb::class_<Tensor>;

void bind_operators(TensorClass& tensor) {
  const auto both = [&](const char* name, Tensor (*op)(const Tensor&, const Tensor&)) {
    tensor.def(name, op, nb::is_operator(), Unlocked());
  };
  const auto number = [&](const char* name, Tensor (*op)(const Tensor&, double)) {
    tensor.def(name, op, nb::is_operator(), Unlocked());
  };
  both("__add__", add);
  both("__sub__", subtract);
  both("__mul__", multiply);
  both("__truediv__", divide);
  both("__gt__", greater);
  both("__lt__", [](const Tensor& a, const Tensor& b) { return greater(b, a); });
  both("__matmul__", [](const Tensor& a, const Tensor& b) { return matmul(a, b); });
  number("__add__", [](const Tensor& x, double b) { return affine(x, 1, b); });
  number("__radd__", [](const Tensor& x, double b) { return affine(x, 1, b); });
  number("__sub__", [](const Tensor& x, double b) { return affine(x, 1, -b); });
  number("__rsub__", [](const Tensor& x, double b) { return affine(x, -1, b); });
  number("__mul__", [](const Tensor& x, double a) { return affine(x, a, 0); });
  number("__rmul__", [](const Tensor& x, double a) { return affine(x, a, 0); });
  number("__truediv__", [](const Tensor& x, double a) { return affine(x, 1 / a, 0); });
  number("__rtruediv__", [](const Tensor& x, double a) { return affine(reciprocal(x), a, 0); });
  number("__pow__", power);
  tensor.def("__neg__", negate, Unlocked()).def("__abs__", absolute, Unlocked());
}

void bind_values(TensorClass& tensor) {
  tensor.def("__getitem__", indexed, "index"_a)
      .def("__len__", [](const Tensor& x) { return x.dim(0); })
      .def("__float__", &Tensor::item)
      .def("__bool__", [](const Tensor& x) { return x.item() != 0; })
      .def("__repr__", [](const Tensor& x) { return text("Tensor(", x, ")"); })
      .def(
          "__array__",
          [](const Tensor& x, const nb::object& dtype, const nb::object& copy) {
            return nb::module_::import_("numpy").attr("array")(numpy_of(x), "dtype"_a = dtype,
                                                               "copy"_a = copy);
          },
          "dtype"_a = nb::none(), "copy"_a = nb::none())
      .def("__dlpack__", [](const Tensor& x,
                            const nb::kwargs& request) { return dlpack_of(x).attr("__dlpack__")(**request); })
      .def("__dlpack_device__", [](const Tensor& x) { return dlpack_of(x).attr("__dlpack_device__")(); })
      .def("numpy", numpy_of,
           "Returns an array over the tensor's own memory. What is written to it, the tensor has.")
      .def("item", &Tensor::item, "Returns the single element. Raises Error if there are more.")
      .def("assign", &Tensor::assign, "value"_a, Unlocked(),
           "Overwrites a leaf in place; equal shapes, any dtype.");
  tensor.attr("__array_ufunc__") = nb::none();  // so that NumPy leaves `array + tensor` to the tensor
}

void bind_gradients(nb::module_& m) {
  nb::class_<NoGrad>(m, "no_grad", "While `with no_grad():` runs, this thread records nothing.")
      .def(nb::init<>())
      .def("__enter__", &NoGrad::enter)
      .def("__exit__", [](NoGrad& guard, const nb::args&) { guard.exit(); });
  m.def(
      "_grad",
      [](const Tensor& y, const std::vector<Tensor>& xs, const std::optional<Tensor>& seed, bool create_graph,
         bool allow_unused) {
        return grad(y, xs, seed.value_or(Tensor()),
                    {.create_graph = create_graph, .allow_unused = allow_unused});
      },
      "y"_a, "xs"_a, "seed"_a, "create_graph"_a, "allow_unused"_a, Unlocked());
}

void bind_layers(nb::module_& m) {
  nb::enum_<Activation>(m, "Activation")
      .value("identity", Activation::identity)
      .value("relu", Activation::relu)
      .value("fourier", Activation::fourier);
  nb::class_<HeadLayer>(m, "HeadLayer", "One layer of sim_head: activation(z w^T + b).")
      .def(
          "__init__",
          [](HeadLayer* self, const Tensor& w, const std::optional<Tensor>& b, Activation activation) {
            new (self) HeadLayer{w, b.value_or(Tensor()), activation};
          },
          "w"_a, "b"_a = nb::none(), "activation"_a = Activation::identity);
  nb::class_<TcnBlockParams>(m, "TcnBlockParams", "The parameters of tcn_block.")
      .def(
          "__init__",
          [](TcnBlockParams* self, const Tensor& v1, const Tensor& g1, const Tensor& b1, const Tensor& v2,
             const Tensor& g2, const Tensor& b2, const std::optional<Tensor>& down_w,
             const std::optional<Tensor>& down_b) {
            new (self)
                TcnBlockParams{v1, g1, b1, v2, g2, b2, down_w.value_or(Tensor()), down_b.value_or(Tensor())};
          },
          "v1"_a, "g1"_a, "b1"_a, "v2"_a, "g2"_a, "b2"_a, "down_w"_a = nb::none(), "down_b"_a = nb::none());
}

}  // namespace

void bind_tensor(nb::module_& m) {
  TensorClass tensor(
      m, "Tensor",
      "An immutable, contiguous, row-major value that remembers how it was made. Tensor(array) shares the "
      "array's memory; tensor(values) copies.");
  tensor
      .def(
          "__init__", [](Tensor* self, const nb::object& array) { new (self) Tensor(share(array)); },
          nb::arg("array").none())
      .def_prop_ro(
          "shape", [](const Tensor& x) { return nb::tuple(nb::cast(x.shape())); },
          nb::sig("def shape(self) -> tuple[int, ...]"))
      .def_prop_ro("ndim", &Tensor::rank)
      .def_prop_ro("size", &Tensor::size)
      .def_prop_ro("dtype", [](const Tensor& x) { return name_of(x.dtype()); })
      .def_prop_ro("device", [](const Tensor& x) { return name_of(x.device()); })
      .def_prop_ro("op", &Tensor::op, "The name of the op that made it; empty for a leaf.")
      .def_prop_ro("requires_grad", &Tensor::requires_grad)
      .def("variable", &Tensor::variable,
           "Returns a leaf over the same memory, for which gradients can be asked.")
      .def("detach", &Tensor::detach, "Returns the same value without its history.")
      .def(
          "astype", [](const Tensor& x, const std::string& dtype) { return x.to(dtype_named(dtype)); },
          "dtype"_a, Unlocked());
  bind_operators(tensor);
  bind_values(tensor);
  bind_gradients(m);
  bind_layers(m);
}

}  // namespace stillpoint::python
