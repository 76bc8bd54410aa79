// What the sources of the extension module share.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "engine/engine.h"

namespace stillpoint::python {

namespace nb = nanobind;
using namespace nb::literals;

// Long calls let other Python threads run.
using Unlocked = nb::call_guard<nb::gil_scoped_release>;

inline std::tuple<Tensor, Tensor, Tensor> as_tuple(const BatchNormValue& value) {
  return {value.y, value.mean, value.variance};
}

// Each adds a part of the module.
void bind_tensor(nb::module_& m);
void bind_ops(nb::module_& m);
void bind_solvers(nb::module_& m);

// Returns a tensor over the memory of a NumPy array or another library's tensor, which it keeps alive.
Tensor share(const nb::object& array);
// Returns what np.asarray() and from_dlpack() read: the tensor's own memory.
nb::object numpy_of(const Tensor& x);
nb::object dlpack_of(const Tensor& x);
// x[index] as NumPy's basic indexing with steps of 1, or rows of x at int32 ids (n).
Tensor indexed(const Tensor& x, const nb::object& index);

}  // namespace stillpoint::python
