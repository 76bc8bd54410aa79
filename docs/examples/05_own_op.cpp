// An op of your own: its value, and a gradient that is written with ops and so has gradients itself.
#include <stillpoint/engine.h>
#include <iostream>

using namespace stillpoint;

// log(1 + exp x) without overflow. The value is computed without recording, in any way; record() then says
// how the op differentiates. The vjp must not capture y: it is context.y.
Tensor softplus(const Tensor& x) {
  Tensor y;
  {
    const Recording off(false);
    y = relu(x) + logarithm(exponential(-absolute(x)) + 1);
  }
  return record(y, "softplus", {x}, [](const VjpContext& context) {
    return std::vector<Tensor>{context.g * sigmoid(context.inputs[0])};
  });
}

// softplus and its derivatives, each from the one before.
std::vector<Tensor> derivatives(const Tensor& x, int orders) {
  std::vector<Tensor> out{softplus(x)};
  for (int i = 0; i < orders; ++i) out.push_back(grad(sum(out.back()), {x}, {}, {.create_graph = true})[0]);
  return out;
}

int main() {
  const Tensor x = Tensor::from({-2.0, 0.0, 1.0, 800.0}, {4}, {DType::float64}).variable();
  for (const Tensor& y : derivatives(x, 3)) std::cout << y << "\n";

  // How to know that it is right: central differences.
  constexpr double h = 1e-5;
  const Tensor difference = (softplus(x + h) - softplus(x - h)) / (2 * h);
  std::cout << std::boolalpha
            << "agrees with differences: " << (sum(absolute(difference - derivatives(x, 1)[1])).item() < 1e-7)
            << "\n";
}
