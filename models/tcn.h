// Temporal convolutional network: residual blocks of dilated causal convolutions (Bai, Kolter, Koltun 2018).
#pragma once
#include "engine/config.h"
#include "models/layers.h"

namespace stillpoint {

// The parameters of a weight-normalised convolution: v (C,Ci,K), g (C), b (C).
struct WeightNormConv {
  Tensor v, g, b;

  WeightNormConv() = default;
  WeightNormConv(Initializer& init, Index in, Index out, Index taps);
  template <class P>
  void params(P& p) {
    p("v", v);
    p("g", g);
    p("b", b);
  }
};

// 1x1 convolution of a residual whose channels change: w (C,Ci,1) from N(0, 0.01^2), b (C) (Bai et al. 2018).
struct DownSample {
  Tensor w, b;
  template <class P>
  void params(P& p) {
    p("w", w);
    p("b", b);
  }
};

struct TcnBlock {
  WeightNormConv conv1, conv2;
  DownSample down;
  Index dilation = 1;

  Tensor operator()(const Tensor& x, bool fused) const;
  template <class P>
  void params(P& p) {
    p("conv1", conv1);
    p("conv2", conv2);
    p("down", down);
  }
};

struct TcnConfig {
  std::int64_t blocks = 8, channels = 10, taps = 8;
  template <class F>
  void fields(F& f) {
    f("tcn_blocks", blocks, "residual blocks; block i has dilation 2^i", between(1, 30));
    f("tcn_channels", channels, "channels of every block", wide());
    f("tcn_kernel", taps, "taps of every convolution", wide());
  }
};

// x (N,in,T) -> (N,channels,T).
struct Tcn {
  std::vector<TcnBlock> blocks;

  Tcn() = default;
  Tcn(Initializer& init, const TcnConfig& config, Index in);
  // fused runs one kernel per block; otherwise plain ops are composed, which is the reference.
  Tensor operator()(const Tensor& x, bool fused = true) const;
  template <class P>
  void params(P& p) {
    for (std::size_t i = 0; i < blocks.size(); ++i) p(std::to_string(i), blocks[i]);
  }
};

}  // namespace stillpoint
