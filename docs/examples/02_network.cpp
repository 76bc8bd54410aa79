// A small network that learns sin(3 x) with Adam, and is saved and loaded again.
#include <stillpoint/models.h>
#include <filesystem>
#include <iostream>

using namespace stillpoint;

// A model is a struct of tensors and other models. Its one list of parameters serves the optimiser, the
// checkpoint and the count.
struct Network {
  Linear hidden, out;

  explicit Network(Initializer& init) : hidden(init, 1, 16), out(init, 16, 1) {}
  Tensor operator()(const Tensor& x) const { return out(hyperbolic_tangent(hidden(x))); }
  template <class P>
  void params(P& p) {
    p("hidden", hidden);
    p("out", out);
  }
};

int main() {
  const TensorOptions options{DType::float64, Device::cpu};  // Device::cuda on a GPU
  std::vector<double> places;
  for (int i = 0; i < 64; ++i) places.push_back(i / 32.0 - 1);
  const Tensor x = Tensor::from(places, {64, 1}, options), y = sine(x * 3);

  Initializer init(7, options);  // the seed
  Network network(init);
  const ParamList params = params_of(network);
  std::cout << params.count() << " parameters\n";
  Optimiser adam(params, {.weight_decay = 0});
  for (int step = 0; step <= 400; ++step) {
    const Tensor loss = mean_squared_error(network(x), y);
    adam.update(grad(loss, params.tensors()), 2e-2);
    if (step % 100 == 0) std::cout << "step " << step << ": loss " << loss.item() << "\n";
  }

  // A checkpoint holds the optimiser's state, too, and any record; Python reads it with safetensors.
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "stillpoint_02.safetensors";
  save_checkpoint(file, params, &adam, {{"steps", adam.steps()}});
  Network same(init);
  load_checkpoint(file, params_of(same), nullptr);
  const Recording off(false);
  std::cout << "loaded: loss " << mean_squared_error(same(x), y).item() << " after "
            << read_checkpoint_record(file).at("steps") << " steps\n";
  std::filesystem::remove(file);
}
