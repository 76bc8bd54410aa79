// Builds and evaluates the temporal convolutional network.
#include "models/tcn.h"

namespace stillpoint {

WeightNormConv::WeightNormConv(Initializer& init, Index in, Index out, Index taps)
    : v(init.uniform_fan_in({out, in, taps}, in * taps)),
      g(initial_gain(v)),
      b(init.uniform_fan_in({out}, in * taps)) {}

Tensor TcnBlock::operator()(const Tensor& x, bool fused) const {
  const TcnBlockParams p{conv1.v, conv1.g, conv1.b, conv2.v, conv2.g, conv2.b, down.w, down.b};
  return fused ? tcn_block(x, p, {dilation}) : tcn_block_reference(x, p, {dilation});
}

Tcn::Tcn(Initializer& init, const TcnConfig& config, Index in) {
  for (Index i = 0; i < config.blocks; ++i) {
    const Index from = i == 0 ? in : config.channels;
    TcnBlock block{WeightNormConv(init, from, config.channels, config.taps),
                   WeightNormConv(init, config.channels, config.channels, config.taps),
                   {},
                   Index(1) << i};
    if (from != config.channels) {
      block.down.w = init.normal({config.channels, from, 1}, 0.01);
      block.down.b = init.uniform_fan_in({config.channels}, from);
    }
    blocks.push_back(block);
  }
}

Tensor Tcn::operator()(const Tensor& x, bool fused) const {
  Tensor z = x;
  for (const TcnBlock& block : blocks) z = block(z, fused);
  return z;
}

}  // namespace stillpoint
