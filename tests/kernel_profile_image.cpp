// Profiled kernels of images.
#include "kernels/conv2d.h"
#include "tests/kernel_profile_arrays.h"
#include "tests/kernel_profile_cases.h"

namespace stillpoint::profile {
namespace {

using namespace kernels;

// The array one element behind its start, where cuDNN does not take it.
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
}

}  // namespace stillpoint::profile
