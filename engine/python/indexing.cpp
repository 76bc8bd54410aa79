// x[...] as NumPy's basic indexing.
#include "engine/python/binding.h"

namespace stillpoint::python {
namespace {

// What the items of an index, from the left, have made of x so far.
struct Selection {
  Shape from, to, result;

  void all(Index size) { some(0, size); }
  void some(Index first, Index last) {
    from.push_back(first);
    to.push_back(last);
    result.push_back(last - first);
  }
  void one(Index place, Index size) {
    if (place < -size || place >= size)
      throw nb::index_error(text("indexing: given ", place, " for an axis of ", size, ", expected ", -size,
                                 "..", size - 1, ", check the index")
                                .c_str());
    from.push_back(place < 0 ? place + size : place);
    to.push_back(from.back() + 1);
  }
  void range(const nb::object& slice, Index size) {
    Py_ssize_t first = 0, last = 0, step = 1;
    if (PySlice_Unpack(slice.ptr(), &first, &last, &step) < 0) throw nb::python_error();
    require(step == 1, "indexing: given a slice with step ", step, ", expected 1, use gather or numpy()");
    const Py_ssize_t length = PySlice_AdjustIndices(Py_ssize_t(size), &first, &last, step);
    some(first, first + length);
  }
};

std::vector<nb::object> items_of(const nb::object& index) {
  if (!nb::isinstance<nb::tuple>(index)) return {index};
  std::vector<nb::object> items;
  for (const nb::handle item : nb::borrow<nb::tuple>(index)) items.push_back(nb::borrow(item));
  return items;
}

Tensor rows_of(const Tensor& x, const Tensor& ids) {
  require(x.rank() > 0, "indexing: given a tensor without axes, expected one with rows, reshape it");
  Shape shape = x.shape();
  const Index rows = shape[0], width = rows > 0 ? x.size() / rows : 0;
  shape[0] = ids.size();
  return reshape(embedding(reshape(x, {rows, width}), ids), shape);
}

}  // namespace

Tensor indexed(const Tensor& x, const nb::object& index) {
  if (Tensor ids; nb::try_cast(index, ids)) return rows_of(x, ids);
  const std::vector<nb::object> items = items_of(index);
  Index named = 0, dots = 0;
  for (const nb::object& item : items) {
    if (item.ptr() == Py_Ellipsis)
      ++dots;
    else if (!item.is_none())
      ++named;
  }
  require(named <= x.rank() && dots <= 1, "indexing: given ", named, " indices and ", dots,
          " ellipses, expected at most ", x.rank(), " and 1 for shape ", to_text(x.shape()),
          ", shorten the index");
  Selection selection;
  const auto axis = [&] { return x.shape()[selection.from.size()]; };
  for (const nb::object& item : items) {
    if (item.ptr() == Py_Ellipsis) {
      for (Index left = x.rank() - named; left > 0; --left) selection.all(axis());
    } else if (item.is_none()) {
      selection.result.push_back(1);
    } else if (nb::isinstance<nb::slice>(item)) {
      selection.range(item, axis());
    } else {
      require(PyIndex_Check(item.ptr()) && !PyBool_Check(item.ptr()), "indexing: given ",
              nb::type_name(item.type()).c_str(),
              ", expected integers, slices, None, ... or int32 ids, use where or gather");
      const Py_ssize_t place = PyNumber_AsSsize_t(item.ptr(), PyExc_IndexError);
      if (place == -1 && PyErr_Occurred()) throw nb::python_error();
      selection.one(place, axis());
    }
  }
  while (Index(selection.from.size()) < x.rank()) selection.all(axis());
  const nb::gil_scoped_release unlocked;
  return reshape(slice(x, selection.from, selection.to), selection.result);
}

}  // namespace stillpoint::python
