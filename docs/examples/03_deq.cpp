// A deep equilibrium model around a map of your own: z* = f(z*, x), with the gradient of the implicit
// function theorem.
#include <stillpoint/models.h>
#include <stillpoint/solvers.h>
#include <iostream>

using namespace stillpoint;

struct Deq {
  Linear inner, inject, out;

  explicit Deq(Initializer& init) : inner(init, 12, 12), inject(init, 2, 12), out(init, 12, 1) {}
  Equilibrium state(const Tensor& x) const {
    const Tensor input = inject(x);
    const auto f = [&](const Tensor& z) { return hyperbolic_tangent(inner(z) + input); };
    return equilibrium(f, Tensor::zeros({x.dim(0), 12}, x.options()),
                       {.forward = [] { return anderson(); },
                        .solve = {.tolerance = 1e-9},
                        .adjoint_solve = {.tolerance = 1e-9}});
  }
  template <class P>
  void params(P& p) {
    p("inner", inner);
    p("inject", inject);
    p("out", out);
  }
};

int main() {
  const TensorOptions options{DType::float64};
  const Tensor x = Tensor::from({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}, options);  // exclusive or
  const Tensor y = Tensor::from({0, 1, 1, 0}, {4, 1}, options);
  Initializer init(3, options);
  Deq model(init);
  const ParamList params = params_of(model);
  Optimiser adam(params, {});
  for (int step = 0; step <= 60; ++step) {
    const Equilibrium solved = model.state(x);
    const Tensor loss = mean_squared_error(model.out(solved.z), y);
    adam.update(grad(loss, params.tensors()),
                2e-2);  // solves u = J^T u + dL/dz, and keeps no step of the forward solve
    if (step % 20 == 0)
      std::cout << "step " << step << ": loss " << loss.item()
                << "; evaluations of f: " << solved.forward.steps() << " forward, " << solved.adjoint->steps()
                << " backward\n";
  }
}
