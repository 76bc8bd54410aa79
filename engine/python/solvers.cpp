// Fixed points, equilibria and Koopman spectra of functions and data in Python.
#include <nanobind/stl/complex.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/unique_ptr.h>

#include "engine/python/binding.h"
#include "solvers/fixed_point/equilibrium.h"
#include "solvers/koopman/evidence.h"
#include "solvers/koopman/systems.h"

namespace stillpoint::python {
namespace {

// The settings of all methods; each takes its own.
struct MethodSettings {
  std::string name = "broyden";
  Index memory = 0;  // 0: the method's own
  double damping = 1;
  bool line_search = false;
};

std::unique_ptr<SolveMethod> make_method(const MethodSettings& settings) {
  const auto memory = [&](Index own) { return settings.memory > 0 ? settings.memory : own; };
  if (settings.name == "picard") return picard({.damping = settings.damping});
  if (settings.name == "anderson")
    return anderson({.memory = memory(AndersonOptions().memory), .beta = settings.damping});
  if (settings.name == "broyden")
    return broyden({.memory = memory(BroydenOptions().memory), .line_search = settings.line_search});
  if (settings.name == "gmres") return gmres({.memory = memory(GmresOptions().memory)});
  fail("method: given ", settings.name, ", expected picard, anderson, broyden or gmres, choose one");
}

EquilibriumGradient gradient_named(const std::string& name) {
  if (name == "implicit") return EquilibriumGradient::implicit;
  if (name == "phantom") return EquilibriumGradient::phantom;
  if (name == "unrolled") return EquilibriumGradient::unrolled;
  if (name == "reversible") return EquilibriumGradient::reversible;
  fail("equilibrium: given gradient ", name,
       ", expected implicit, phantom, unrolled or reversible, choose one");
}

// A graph may keep the function longer than the call, and end on a thread without Python's lock.
FixedPointMap map_of(const nb::callable& f) {
  const std::shared_ptr<nb::callable> held(new nb::callable(f), [](nb::callable* function) {
    const nb::gil_scoped_acquire lock;
    delete function;
  });
  return [held](const Tensor& z) {
    const nb::gil_scoped_acquire lock;
    if (PyErr_CheckSignals() < 0) throw nb::python_error();  // Ctrl-C ends a solve
    const nb::object y = (*held)(z);
    Tensor value;
    require(nb::try_cast(y, value), "fixed point: given ", nb::type_name(y.type()).c_str(),
            " by f, expected a Tensor of z's shape, return one");
    return value;
  };
}

const char* name_of_status(SampleStatus status) {
  switch (status) {
    case SampleStatus::converged:
      return "converged";
    case SampleStatus::non_finite:
      return "non_finite";
    case SampleStatus::diverged:
      return "diverged";
    case SampleStatus::running:
      break;
  }
  return "running";
}

template <class Field>
auto of_samples(Field field) {
  return [field](const SolveReport& report) {
    std::vector<decltype(field(SampleReport()))> values;
    for (const SampleReport& sample : report.samples) values.push_back(field(sample));
    return values;
  };
}

void bind_reports(nb::module_& m) {
  nb::class_<SolveReport>(m, "SolveReport", "What a solve did, in all and per sample.")
      .def_ro("steps", &SolveReport::steps, "Evaluations of f.")
      .def_ro("converged", &SolveReport::converged, "Whether every sample converged.")
      .def_ro("residual", &SolveReport::residual, "The largest of the samples'.")
      .def_prop_ro("statuses",
                   of_samples([](const SampleReport& s) { return std::string(name_of_status(s.status)); }),
                   "Per sample: converged, running (max_steps ended it), diverged or non_finite.")
      .def_prop_ro("sample_steps", of_samples([](const SampleReport& s) { return s.steps; }))
      .def_prop_ro("residuals", of_samples([](const SampleReport& s) { return s.residual; }))
      .def_ro("trace", &SolveReport::trace, "Residuals (steps, samples), flat.")
      .def("__repr__", [](const SolveReport& report) { return "SolveReport(" + to_text(report) + ")"; });
  nb::class_<PendingReport>(m, "PendingReport", "A report that may not be there yet.")
      .def_prop_ro("steps", &PendingReport::steps)
      .def("read", &PendingReport::read, Unlocked());
}

void bind_settings(nb::module_& m) {
  nb::class_<MethodSettings>(m, "_Method")
      .def(
          "__init__",
          [](MethodSettings* self, const std::string& name, Index memory, double damping, bool line_search) {
            new (self) MethodSettings{name, memory, damping, line_search};
            make_method(*self);  // throws Error for a wrong one before anything is solved
          },
          "name"_a, "memory"_a, "damping"_a, "line_search"_a);
  nb::class_<SolveOptions>(m, "_SolveOptions")
      .def(
          "__init__",
          [](SolveOptions* self, Index max_steps, double tolerance, bool relative) {
            new (self) SolveOptions{.max_steps = max_steps, .tolerance = tolerance, .relative = relative};
          },
          "max_steps"_a, "tolerance"_a, "relative"_a);
}

void bind_fixed_points(nb::module_& m) {
  m.def("_solve", [](const nb::callable& f, const Tensor& z0, const MethodSettings& settings,
                     const SolveOptions& options) {
    const FixedPointMap map = map_of(f);
    const nb::gil_scoped_release unlocked;
    Solution solution = solve(map, z0, *make_method(settings), options);
    return std::tuple(solution.z, solution.report);
  });
  m.def("_equilibrium",
        [](const nb::callable& f, const Tensor& z0, const MethodSettings& forward, const SolveOptions& solve,
           const std::string& gradient, const MethodSettings& adjoint, const SolveOptions& adjoint_solve,
           Index steps, double damping, const std::vector<Tensor>& parameters) {
          const EquilibriumOptions options{.forward = [forward] { return make_method(forward); },
                                           .solve = solve,
                                           .gradient = gradient_named(gradient),
                                           .adjoint = [adjoint] { return make_method(adjoint); },
                                           .adjoint_solve = adjoint_solve,
                                           .steps = steps,
                                           .damping = damping,
                                           .parameters = parameters};
          const FixedPointMap map = map_of(f);
          const nb::gil_scoped_release unlocked;
          Equilibrium found = equilibrium(map, z0, options);
          return std::tuple(found.z, found.forward, found.adjoint);
        });
}

Dictionary dictionary_of(Index degree, Index features, double bandwidth, std::uint64_t seed,
                         Index dimension) {
  if (features > 0) return fourier_dictionary(features, bandwidth, seed, dimension);
  return degree > 1 ? monomial_dictionary(degree) : identity_dictionary();
}

void bind_koopman(nb::module_& m) {
  m.def(
      "_koopman",
      [](const std::vector<Tensor>& times, Index degree, Index features, double bandwidth, std::uint64_t seed,
         Index rank, double tolerance, double uncertainty) {
        require(times.size() > 1, "koopman: given ", times.size(),
                " times, expected two or more, record longer trajectories");
        const StepPairs pairs = step_pairs(times);
        const Dictionary lift = dictionary_of(degree, features, bandwidth, seed, pairs.from.dim(1));
        const Tensor from = lift(pairs.from), to = lift(pairs.to);
        const KoopmanEstimate estimate = estimate_koopman(from, to, {.rank = rank});
        const KoopmanSpectrum spectrum =
            koopman_spectrum(estimate.matrix, {.tolerance = tolerance, .uncertainty = uncertainty});
        const OrderedSchur schur(estimate.matrix);
        const std::vector<double> residuals =
            eigenpair_residuals(from, to, schur.eigenvalues(), schur.eigenvectors().left);
        return std::tuple(estimate.matrix, estimate.rank, estimate.error, spectrum, residuals);
      },
      Unlocked());
  nb::class_<KoopmanSpectrum>(m, "KoopmanSpectrum", "The eigenvalues of a Koopman matrix and what they say.")
      .def_ro("eigenvalues", &KoopmanSpectrum::eigenvalues, "By falling modulus.")
      .def_ro("radius", &KoopmanSpectrum::radius)
      .def_ro("on_circle", &KoopmanSpectrum::on_circle, "How many have modulus one.")
      .def_ro("at_one", &KoopmanSpectrum::at_one)
      .def_ro("semisimple", &KoopmanSpectrum::semisimple)
      .def_prop_ro(
          "settling", [](const KoopmanSpectrum& s) { return name_of(s.settling); },
          "(i) vanishes, (ii) settles, (iii) oscillates, (iv) diverges or undecided.")
      .def_ro("margin", &KoopmanSpectrum::margin,
              "The verdict holds until an eigenvalue moves by more than this.")
      .def_ro("open", &KoopmanSpectrum::open, "If undecided: what would decide it.");
}

}  // namespace

void bind_solvers(nb::module_& m) {
  bind_reports(m);
  bind_settings(m);
  bind_fixed_points(m);
  bind_koopman(m);
}

}  // namespace stillpoint::python
