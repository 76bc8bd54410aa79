// Stable invariant models of images: a VGG-like lift phi, then U V^T and the reverse network.
#pragma once
#include <array>

#include "models/sim.h"

namespace stillpoint {

// y = relu(batch_norm(conv(x) + b)), 3x3, zeros around the image; then max_pool2d(y, pool) if pool > 1.
struct ConvNormRelu {
  Tensor w, b;            // (C,Ci,3,3), (C)
  Tensor gain, shift;     // (C), of the normalisation (Ioffe, Szegedy 2015)
  Tensor mean, variance;  // (C), running statistics of conv(x) + b; the variance is unbiased

  ConvNormRelu() = default;
  ConvNormRelu(Initializer& init, Index in, Index out);
  // In training it uses the batch's statistics and updates the running ones; otherwise it uses those.
  Tensor operator()(const Tensor& x, bool training, Index pool) const;
  template <class P>
  void params(P& p) {
    p("w", w);
    p("b", b);
    p("norm.gain", gain);
    p("norm.shift", shift);
    p.buffer("norm.mean", mean);
    p.buffer("norm.variance", variance);
  }
};

// phi: two times ((conv, batch norm, ReLU) x 2, 2x2 max pooling), then a linear map (SIM paper, section 5).
struct ImageLift {
  std::array<ConvNormRelu, 4> convs;
  Linear lift;

  ImageLift() = default;
  // Throws Error if height or width is below 4, because pooling would leave nothing.
  ImageLift(Initializer& init, const Shape& image, Index channels, Index d);
  Tensor operator()(const Tensor& x, bool training) const;  // x (N,Ci,H,W) -> (N,d)
  template <class P>
  void params(P& p) {
    for (std::size_t i = 0; i < convs.size(); ++i) p("conv" + std::to_string(i), convs[i]);
    p("lift", lift);
  }
};

// Image classification: x (N,Ci,H,W) -> logits (N,classes).
struct ImageSim {
  ImageLift phi;
  SimHead head;

  ImageSim() = default;
  // image is (Ci,H,W).
  ImageSim(Initializer& init, const Shape& image, Index channels, const HeadConfig& config, Index classes,
           bool two_tier);
  Tensor operator()(const Tensor& x, bool training = false) const { return head(phi(x, training), {}); }
  Cost cost(const Tensor& x, const Evaluations& solved) const;
  template <class P>
  void params(P& p) {
    p("phi", phi);
    head.params(p);
  }
};

void add_image_sims(ModelFamily& family);  // sim, sim2

}  // namespace stillpoint
