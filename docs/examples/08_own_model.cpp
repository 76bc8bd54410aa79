// A model of your own among those of a task: `08_own_model train copy-memory --model squashed` trains it.
#include <stillpoint/models.h>
#include <stillpoint/tasks.h>

using namespace stillpoint;

// x / (1 + |x|), an op of your own.
Tensor squash(const Tensor& x) {
  Tensor y;
  {
    const Recording off(false);
    y = x / (absolute(x) + 1);
  }
  return record(y, "squash", {x}, [](const VjpContext& context) {
    return std::vector<Tensor>{context.g / square(absolute(context.inputs[0]) + 1)};
  });
}

// Settings are listed once. tcn_blocks, tcn_channels and tcn_kernel belong to other models of the task, too.
struct SquashedConfig {
  TcnConfig tcn{};
  double gain = 4;

  template <class F>
  void fields(F& f) {
    tcn.fields(f);
    f("gain", gain, "factor before the features are squashed", factor());
  }
};

// x (N,1,T) -> logits (N T, outputs), as sequence_models() asks for.
struct Squashed {
  double gain;
  Tcn tcn;
  Linear out;

  Squashed(Initializer& init, const SquashedConfig& config, Index outputs)
      : gain(config.gain), tcn(init, config.tcn, 1), out(init, config.tcn.channels, outputs) {}
  Tensor operator()(const Tensor& x) const {
    const Tensor z = squash(tcn(x) * gain);
    return out(reshape(permute(z, {0, 2, 1}), {-1, z.dim(1)}));
  }
  template <class P>
  void params(P& p) {
    p("tcn", tcn);
    p("out", out);
  }
};

int main(int argc, char** argv) {
  sequence_models().add<SquashedConfig>(
      {.name = "squashed",
       .summary = "TCN with squashed features",
       .make = [](Initializer& init, const ModelShape& shape, const SquashedConfig& config) {
         return std::make_unique<ModelOf<Squashed>>(Squashed(init, config, shape.outputs));
       }});
  return run_program(argc, argv);
}
