// A kernel of your own: one text that runs on the CPU and, as CUDA, on the emulator, which reports data
// races, accesses out of bounds and barriers that diverge. In a CUDA build the same file is compiled by nvcc
// and runs on the GPU.
#include <stillpoint/engine.h>
#include <stillpoint/kernels.h>
#include <iostream>

using namespace stillpoint;

// y[r,:] = x[r,:] / ||x[r,:]||. A team works on one row: a thread on the CPU, a warp of 32 on a GPU.
template <class T>
struct NormaliseRow {
  const T* x;
  T* y;
  Index columns;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    const T* const from = x + row * columns;
    T* const to = y + row * columns;
    const T squares = team.template sum<T>(columns, [=](Index i) { return from[i] * from[i]; });
    const T scale = T(1) / kernels::square_root(squares);
    team.each(columns, [=](Index i) { to[i] = from[i] * scale; });
  }
};

// The op around it: y = x / n, and with the unit vector y the gradient is (g - y (g y)) / n.
Tensor normalise(const Tensor& x) {
  const Index columns = x.dim(-1);
  Tensor y = Tensor::empty(x.shape(), x.options());
  dispatch_real(x.dtype(), "normalise", [&](auto zero) {
    using T = decltype(zero);
    kernels::each_row(x.device(), x.size() / columns, columns,
                      NormaliseRow<T>{x.array().as<T>(), y.array().as<T>(), columns});
  });
  return record(y, "normalise", {x}, [](const VjpContext& c) {
    const SumOptions kept{.keep_axes = true};
    const Tensor length = square_root(sum(square(c.inputs[0]), {-1}, kept));
    return std::vector<Tensor>{(c.g - c.y * sum(c.g * c.y, {-1}, kept)) / length};
  });
}

int main() {
  const std::vector<double> values{3, 4, 0, 1, 2, 2};
  for (const Device device : {Device::cpu, Device::cuda}) {
    const Tensor x = Tensor::from(values, {2, 3}, {DType::float32, device}).variable();
    const Tensor y = normalise(x);
    std::cout << y << "\n" << grad(sum(square(y + 1)), {x})[0] << "\n";
  }
}
