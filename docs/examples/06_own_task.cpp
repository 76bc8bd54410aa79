// A task of your own with all that the program has: training with checkpoints, eval, predict, tune, report,
// TensorBoard.
#include <stillpoint/models.h>
#include <stillpoint/tasks.h>
#include <cmath>
#include <iostream>

using namespace stillpoint;

// Settings: each field is listed once, with its help and what it accepts. `06_own_task train wave --help`
// prints them.
struct WaveConfig {
  TrainConfig train{.epochs = 20, .lr = 1e-2, .dtype = "float64", .log_every = 4};
  std::int64_t hidden = 24, places = 256, batch = 64;
  double frequency = 5;

  template <class F>
  void fields(F& f) {
    f("hidden", hidden, "hidden units", wide());
    f("places", places, "places to learn from", counted());
    f("batch", batch, "places per step", counted());
    f("frequency", frequency, "of the wave", factor());
    train.fields(f);
  }
};

struct WaveModel {
  Linear first, second, out;

  WaveModel(Initializer init, Index hidden)
      : first(init, 1, hidden), second(init, hidden, hidden), out(init, hidden, 1) {}
  Tensor operator()(const Tensor& x) const { return out(relu(second(sine(first(x) * 4)))); }
  template <class P>
  void params(P& p) {
    p("first", first);
    p("second", second);
    p("out", out);
  }
};

// y = sin(frequency x) on [-1, 1], from places that a split of the data sees and others do not.
class Wave : public Task {
 public:
  Wave(const WaveConfig& config, Device device)
      : config_(config),
        options_{dtype_of(config.train), device},
        model_(Initializer(std::uint64_t(config.train.seed), options_), config.hidden) {
    facts_.examples_per_step = std::min(config.batch, config.places);
    facts_.steps_per_epoch = config.places / facts_.examples_per_step;
  }

  ParamList params() override { return params_of(model_); }
  // A function of the step and nothing else, so that a resumed run sees the same data.
  std::vector<Tensor> batch(Index step) const override {
    const auto [steps, n] = std::pair(facts_.steps_per_epoch, facts_.examples_per_step);
    return places(n, (double(step % steps) + 0.5) / double(n * steps));
  }
  Tensor loss(const std::vector<Tensor>& batch) override {
    return mean_squared_error(model_(batch[0]), batch[1]);
  }
  Evaluation evaluate(const std::string& split) override {
    const Recording off(false);
    const std::vector<Tensor> data = places(split == "valid" ? 101 : 103, 0.3);
    return {{{"loss", loss({data[0].to(options_.device), data[1].to(options_.device)}).item()}}};
  }

  double at(double x) const {
    const Recording off(false);
    return model_(Tensor::full({1, 1}, x, options_)).item();
  }

 private:
  // n places, a share `offset` of a step from the left end, and the wave there.
  std::vector<Tensor> places(Index n, double offset) const {
    std::vector<double> x, y;
    for (Index i = 0; i < n; ++i) {
      x.push_back(2 * (double(i) + offset) / double(n) - 1);
      y.push_back(std::sin(config_.frequency * x.back()));
    }
    return {Tensor::from(x, {n, 1}, {options_.dtype}), Tensor::from(y, {n, 1}, {options_.dtype})};
  }

  WaveConfig config_;
  TensorOptions options_;
  WaveModel model_;
};

// `06_own_task predict RUN 0.5`: the wave's value at places that are named.
int predict(const PredictRequest& request, std::ostream& out, std::ostream&) {
  WaveConfig config;
  read_config(config, find_checkpoint(request.checkpoint).record.config, request.checkpoint.string());
  Wave wave(config, request.device);
  load_checkpoint(request.checkpoint, wave.params(), nullptr);
  for (const std::string& x : request.inputs) out << x << ": " << wave.at(std::stod(x)) << "\n";
  return 0;
}

int main(int argc, char** argv) {
  register_task<WaveConfig>({.name = "wave",
                             .summary = "learn a sine wave",
                             .make = [](const WaveConfig& config, Device device) -> std::unique_ptr<Task> {
                               return std::make_unique<Wave>(config, device);
                             },
                             .predict = predict});
  return run_program(argc, argv);
}
