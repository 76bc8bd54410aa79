// A stable invariant model (SIM) on sequences of your own: which bit stood five places ago?
#include <stillpoint/models.h>
#include <iostream>
#include <random>

using namespace stillpoint;

constexpr Index sequences = 16, length = 40, delay = 5;

struct Data {
  Tensor x, labels;  // (N,1,T) and int32 (N T), in the order (n, t)
};

Data make_data(std::uint32_t seed, TensorOptions options) {
  std::mt19937 random(seed);
  std::vector<double> x;
  std::vector<std::int32_t> labels;
  for (Index i = 0; i < sequences * length; ++i) {
    x.push_back(random() >> 31);
    labels.push_back(i % length < delay ? 0 : std::int32_t(x[std::size_t(i - delay)]));
  }
  return {Tensor::from(x, {sequences, 1, length}, options), Tensor::from(labels, {sequences * length})};
}

// The share of places whose likeliest class is the label.
double accuracy(const SequenceSim& model, const Data& data) {
  const Recording off(false);
  const Tensor guesses = argmax(model(data.x));
  return 1 - mean(absolute(guesses.to(DType::float64) - data.labels.to(DType::float64))).item();
}

int main() {
  const TensorOptions options{DType::float64};
  const Data train = make_data(1, options), test = make_data(2, options);
  Initializer init(5, options);
  // z* = r(U V^T phi(x)): the lift phi is a temporal convolutional network, and no solver is needed to find
  // z*.
  SequenceSim model(init, {.blocks = 2, .channels = 8, .taps = 4}, {.d = 16, .hidden = 16}, 2, false);
  const ParamList params = params_of(model);
  Optimiser adam(params, {.clip = 1});
  for (int step = 0; step <= 40; ++step) {
    const Tensor loss = softmax_cross_entropy(model(train.x), train.labels);
    adam.update(grad(loss, params.tensors()), 5e-3);
    if (step % 10 == 0) std::cout << "step " << step << ": loss " << loss.item() << "\n";
  }
  std::cout << "accuracy on sequences it has not seen: " << accuracy(model, test) << "\n";
}
