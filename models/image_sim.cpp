// The lift of images, and the image model that uses it.
#include "models/image_sim.h"

#include "kernels/batch_norm/batch_norm.h"
#include "models/model_family.h"
#include "models/mondeq.h"

namespace stillpoint {

ConvNormRelu::ConvNormRelu(Initializer& init, Index in, Index out)
    : w(init.uniform_fan_in({out, in, 3, 3}, 9 * in)),
      b(init.uniform_fan_in({out}, 9 * in)),
      gain(init.fill({out}, 1)),
      shift(init.fill({out}, 0)),
      mean(init.fill({out}, 0).detach()),
      variance(init.fill({out}, 1).detach()) {}

// The normalisation cancels b, so only the running mean includes it. affine(b, 0, 0) makes the gradient of b
// exactly zero instead of rounding noise.
Tensor ConvNormRelu::operator()(const Tensor& x, bool training, Index pool) const {
  const Tensor y = conv2d(x, w, {.padding = 1});
  if (!training) return batch_norm_relu_inference(y, gain, shift, mean - b, variance, {.pool = pool});
  const BatchNormValue value = batch_norm_relu(y, gain, shift + affine(b, 0, 0), {.pool = pool});
  const Recording off(false);
  kernels::update_running_statistics(y.size() / y.dim(1), (value.mean + b).array(), value.variance.array(),
                                     mean.array(), variance.array());
  return value.y;
}

ImageLift::ImageLift(Initializer& init, const Shape& image, Index channels, Index d) {
  require(image.size() == 3 && image[1] >= 4 && image[2] >= 4, "sim: given images of ", to_text(image),
          ", expected (channels, height, width) of at least 4 x 4, choose larger ones");
  for (std::size_t i = 0; i < convs.size(); ++i)
    convs[i] = ConvNormRelu(init, i == 0 ? image[0] : channels, channels);
  lift = Linear(init, channels * (image[1] / 4) * (image[2] / 4), d);
}

Tensor ImageLift::operator()(const Tensor& x, bool training) const {
  Tensor z = x;
  for (std::size_t i = 0; i < convs.size(); ++i) z = convs[i](z, training, i % 2 == 1 ? 2 : 1);
  return lift(reshape(z, {z.dim(0), -1}));
}

ImageSim::ImageSim(Initializer& init, const Shape& image, Index channels, const HeadConfig& config,
                   Index classes, bool two_tier)
    : phi(init, image, channels, config.d), head(init, config, config.d, classes, two_tier) {}

namespace {

class ImageSimModel : public ModelOf<ImageSim> {
 public:
  using ModelOf::ModelOf;
  Value train(const Tensor& x, const Tensor&) override { return {model_(x, true), {}}; }
};

// With these channels the paper's models have the parameters of its Table 2.
ModelRow<HeadConfig> image_sim(const char* name, const char* summary, bool two_tier) {
  const ImageChannels usual = two_tier ? ImageChannels{"21", "36"} : ImageChannels{"24", "38"};
  return {.name = name,
          .summary = summary,
          .make =
              [=](Initializer& init, const ModelShape& shape, const HeadConfig& config) {
                return std::make_unique<ImageSimModel>(
                    ImageSim(init, shape.input, parse_channels(image_channels(shape, usual))[0], config,
                             shape.outputs, two_tier));
              },
          .defaults = {.d = 50, .psi = 104, .bandwidth = 10, .hidden = 32},
          .ignored = two_tier ? std::vector<std::string>{} : std::vector<std::string>{"d_psi", "bandwidth"},
          .bench = {.row = two_tier ? "sim-two" : "sim-single", .eps = 1e-5, .channels = usual}};
}

}  // namespace

void add_image_sims(ModelFamily& family) {
  family.add(image_sim("sim", "single-tier SIM", false));
  family.add(image_sim("sim2", "two-tier SIM", true));
}

}  // namespace stillpoint
