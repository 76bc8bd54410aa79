// A tensor, and gradients of every order of what is computed from it.
#include <stillpoint/engine.h>
#include <iostream>

using namespace stillpoint;

int main() {
  // A variable is a leaf that gradients can be asked for. Values are immutable: an op makes a new tensor.
  const Tensor x = Tensor::from({0.0, 1.0, 2.0}, {3}, {DType::float64}).variable();
  const Tensor y = exponential(sine(x));
  std::cout << "y    = " << y << "\n";

  // For each x the sum over y's elements of seed * dy/dx. Nothing is stored on x, so there is nothing to
  // reset.
  const Tensor seed = Tensor::full({3}, 1, x.options());
  const Tensor first = grad(y, {x}, seed, {.create_graph = true})[0];
  std::cout << "y'   = " << first << "\n";

  // create_graph recorded the gradient itself, so it can be differentiated again.
  const Tensor second = grad(first, {x}, seed)[0];
  std::cout << "y''  = " << second << "\n";
  const Tensor by_hand = (square(cosine(x)) - sine(x)) * y;
  std::cout << "by hand " << by_hand << "\n";

  // Binary ops broadcast as NumPy does; axes may be counted from the end.
  const Tensor table = reshape(x, {3, 1}) + Tensor::from({10.0, 20.0}, {2}, {DType::float64});
  std::cout << "table = " << table << "\n";
  std::cout << "sums  = " << sum(table, {-1}) << ", largest in column " << argmax(table) << "\n";

  // With Recording off, nothing is remembered: what evaluation wants.
  const Recording off(false);
  std::cout << "recorded: " << std::boolalpha << square(x).requires_grad() << "\n";
}
