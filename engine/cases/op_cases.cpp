// Draws inputs for the op-case table.
#include "engine/cases/op_cases.h"

#include "kernels/launch/philox.h"

namespace stillpoint {

std::vector<OpCase> op_cases() {
  std::vector<OpCase> cases;
  add_elementwise_cases(cases);
  add_strided_cases(cases);
  add_network_cases(cases);
  add_attention_cases(cases);
  add_image_cases(cases);
  add_image_layer_cases(cases);
  return cases;
}

Values draw_values(const OpInput& input, std::uint64_t stream, bool away_from_zero) {
  Values out;
  for (Index i = 0; i < count(input.shape); ++i) {
    const kernels::Philox4 r = kernels::philox(20231, stream, std::uint64_t(i));
    const double u = kernels::unit_interval(r.x[0], r.x[1]);
    const double sign = r.x[2] & 1 ? 1 : -1;
    if (input.draw == Draw::ids)
      out.push_back(double(r.x[0] % std::uint32_t(input.bound)));
    else if (input.draw == Draw::positive)
      out.push_back(0.2 + 1.5 * u);
    else if (input.draw == Draw::nonzero || away_from_zero)
      out.push_back(sign * (0.2 + 1.3 * u));
    else  // one in eight is zero, one in eight a tie at +-0.5
      out.push_back(r.x[3] % 8 == 0 ? 0.0 : r.x[3] % 8 == 1 ? 0.5 * sign : sign * 1.5 * u);
  }
  // The values are rounded to float32, so that both types see equal inputs.
  for (double& v : out) v = double(float(v));
  return out;
}

std::vector<Tensor> make_inputs(const OpCase& c, const std::vector<Values>& values, TensorOptions options) {
  std::vector<Tensor> out;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    if (c.inputs[i].draw == Draw::ids) {
      out.push_back(Tensor::from(values[i], c.inputs[i].shape, {DType::int32, options.device}));
      continue;
    }
    const Tensor x = Tensor::from(values[i], c.inputs[i].shape, options);
    out.push_back(c.inputs[i].constant ? x : x.variable());
  }
  return out;
}

}  // namespace stillpoint
