// The extension module stillpoint._core.
#include "engine/python/binding.h"

NB_MODULE(_core, m) {
  namespace nb = nanobind;
  using namespace stillpoint;
  m.doc() = "The engine's tensors, ops and solvers.";
  nb::exception<Error> error(m, "Error", PyExc_ValueError);
  nb::exception<MachineError> machine_error(m, "MachineError", error.ptr());
  nb::exception<OutOfMemory>(m, "OutOfMemory", machine_error.ptr());
  python::bind_tensor(m);
  nb::module_ ops =
      m.def_submodule("ops", "Every op of the engine; each takes tensors of one dtype on one device.");
  python::bind_ops(ops);
  python::bind_solvers(m);
}
