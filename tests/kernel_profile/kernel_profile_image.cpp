// Profiles the kernels of images.
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/conv2d/conv2d_bias.h"
#include "kernels/max_pool/max_pool.h"
#include "tests/kernel_profile/kernel_profile_arrays.h"
#include "tests/kernel_profile/kernel_profile_cases.h"

namespace stillpoint::profile {
namespace {

using namespace kernels;

// Returns the array from its second element on; cuDNN does not take this alignment.
Array misplaced(Array a) {
  a.data = a.as<float>() + 1;
  a.size -= 1;
  return a;
}

}  // namespace

void record_conv2d(Recorder& recorder) {
  const Conv2dShape s{2, 8, 8, 32, 32, 3, 3, 1, 1, true};
  const std::string sizes = "2 x 8 of 32 x 32, 3 x 3";
  const std::int64_t image = s.batch * s.in_channels * s.height * s.width,
                     taps = s.out_channels * s.in_channels * 9;
  const double bordered = double(image) / double(s.height * s.width) * double((s.height + 2) * (s.width + 2));
  Arrays arrays;
  const Array x = arrays.drawn(image), y = arrays.drawn(image), w = arrays.drawn(taps);
  recorder.run(sizes, [&] {
    conv2d(s, x, w, y);
    conv2d_data_adjoint(s, y, w, x);
  });
  recorder.row("each_element<WrapBorder>", double(image) + bordered);
  recorder.row("each_element<FoldBorder>", double(image) + bordered);
  const Array other = misplaced(arrays.drawn(taps + 1));
  recorder.run(sizes + ", without cuDNN", [&] {
    conv2d(s, x, other, y);
    conv2d_data_adjoint(s, y, other, x);
    conv2d_weight_adjoint(s, y, x, other);
  });
  const double least = double(2 * image + taps);
  recorder.row("each_element<Conv2d>", least);
  recorder.row("each_element<Conv2dDataAdjoint>", least);
  recorder.row("each_warp_row<Conv2dWeightAdjoint>", least);
  const Array b = arrays.drawn(s.out_channels);
  Conv2dShape plain = s;
  plain.circular = false;
  recorder.run(sizes + ", bias", [&] {
    conv2d_bias(plain, x, w, b, y);
    conv2d_bias_adjoint(plain, y, x, w, b);
  });
  const double planes = double(s.batch * s.out_channels), outputs = double(s.out_channels);
  recorder.row("each_warp_row<AddBias>", 2 * double(image) + outputs);
  recorder.row("each_warp_row<PlaneSum>", double(image) + planes);
  recorder.row("each_warp_row<SumOfPlanes>", planes + outputs);
}

void record_image_layers(Recorder& recorder) {
  const BatchNormShape s{4, 8, 32, 32, 2};
  const std::int64_t n = s.channels * s.values(), planes = s.batch * s.channels;
  Arrays arrays;
  const auto per_channel = [&] { return arrays.drawn(s.channels); };
  const Array x = arrays.drawn(n), g = arrays.drawn(n / 4), y = arrays.result(n / 4), dx = arrays.result(n),
              mean = per_channel(), variance = arrays.positive(s.channels), running_mean = per_channel(),
              running_variance = per_channel(), dgain = per_channel(), dshift = per_channel();
  const BatchNormParams params{per_channel(), per_channel(), mean, variance};
  recorder.run("4 x 8 of 32 x 32, pool 2", [&] {
    batch_norm_relu(s, params, x, y);
    batch_norm_relu_backward(s, params, x, g, dx, dgain, dshift);
    batch_norm_statistics(s, x, mean, variance);
    update_running_statistics(s.values(), mean, variance, running_mean, running_variance);
  });
  const double image = double(n), partial = 2 * double(planes), channels = double(s.channels);
  recorder.row("each_warp_row<PlaneMoments>", image + partial);
  recorder.row("each_warp_row<ChannelMoments>", partial + 2 * channels);
  recorder.row("each_warp_row<BatchNormRelu>", 1.25 * image + 4 * channels);
  recorder.row("each_warp_row<PlaneGradients>", 1.25 * image + partial + 4 * channels);
  recorder.row("each_warp_row<ChannelGradients>", partial + 2 * channels);
  recorder.row("each_warp_row<BatchNormReluBackward>", 2.25 * image + 6 * channels);
  recorder.row("each_element<RunningStatistics>", 6 * channels);

  const MaxPoolShape pool{planes, 32, 32, 2};
  const Array largest = arrays.result(n / 4), place = arrays.labels(n / 4, 1);
  recorder.run("32 of 32 x 32 by 2 x 2", [&] {
    max_pool2d(pool, x, largest, place);
    max_pool2d_scatter(pool, largest, place, dx);
    max_pool2d_gather(pool, x, place, largest);
  });
  recorder.row("each_warp_row<MaxPool2d>", image + 2 * image / 4);
  recorder.row("each_warp_row<MaxPoolScatter>", image + 2 * image / 4);
  recorder.row("each_element<MaxPoolGather>", 3 * image / 4);
}

}  // namespace stillpoint::profile
