// Relative attention's entry points: they check the arguments and choose the device.
#include "kernels/relative_attention/relative_attention.h"

#include "kernels/relative_attention/relative_attention_cpu.h"
#if STILLPOINT_CUDA
#include "kernels/relative_attention/relative_attention_cuda.h"
#endif

namespace stillpoint::kernels {
namespace {

struct Expected {
  const char* where;
  const Array& like;

  void operator()(const char* name, const Array& array, std::int64_t size) const {
    require(array.size == size, where, ": ", name, " has ", array.size, " elements, expected ", size,
            ", check the shapes");
    require(array.dtype == like.dtype && array.device == like.device, where, ": ", name, " is ",
            name_of(array.dtype), " on ", name_of(array.device), ", expected ", name_of(like.dtype), " on ",
            name_of(like.device), ", convert it first");
  }
};

void check_shape(const char* where, const RelativeAttentionShape& s) {
  require(s.batch >= 0 && s.length >= 0 && s.heads > 0, where, ": given batch ", s.batch, ", length ",
          s.length, " and ", s.heads,
          " heads, expected no negative size and at least one head, check the shapes");
  require(s.features > 0 && s.features <= most_head_features, where, ": given ", s.features,
          " features per head, expected 1 to ", most_head_features, ", take more heads");
}

void check_inputs(const Expected& expect, const RelativeAttentionShape& s,
                  const RelativeAttentionInputs& in) {
  const std::int64_t width = s.heads * s.features;
  expect("qkv", in.qkv, s.batch * s.length * 3 * width);
  expect("r", in.r, s.length * width);
  expect("b_w", in.b_w, width);
  expect("b_r", in.b_r, width);
}

void zero(const Array& a) {
  if (a.data != nullptr) zero_bytes(a.data, a.device, std::size_t(a.size * size_of(a.dtype)));
}

}  // namespace

void relative_attention_forward(const RelativeAttentionShape& shape, const RelativeAttentionInputs& inputs,
                                const Array& y, const Array& log_sum) {
  const Expected expect{"relative_attention_forward", y};
  check_shape(expect.where, shape);
  check_inputs(expect, shape, inputs);
  expect("y", y, shape.batch * shape.length * shape.heads * shape.features);
  expect("log_sum", log_sum, shape.batch * shape.length * shape.heads);
  if (y.size == 0) return;
#if STILLPOINT_CUDA
  if (y.device == Device::cuda) return relative_attention_forward_cuda(shape, inputs, y, log_sum);
#endif
  relative_attention_forward_cpu(shape, inputs, y, log_sum);
}

void relative_attention_backward(const RelativeAttentionShape& shape, const RelativeAttentionInputs& inputs,
                                 const Array& y, const Array& log_sum, const Array& dy,
                                 const RelativeAttentionInputs& grads) {
  const Expected expect{"relative_attention_backward", dy};
  check_shape(expect.where, shape);
  check_inputs(expect, shape, inputs);
  const bool with_parameters = grads.r.data != nullptr;
  require(with_parameters == (grads.b_w.data != nullptr) && with_parameters == (grads.b_r.data != nullptr),
          expect.where,
          ": given some gradients of r, b_w and b_r, expected all or none, ask for the others, too");
  if (with_parameters)
    check_inputs({"relative_attention_backward, gradients", dy}, shape, grads);
  else
    expect("the gradient of qkv", grads.qkv, inputs.qkv.size);
  expect("y", y, shape.batch * shape.length * shape.heads * shape.features);
  expect("dy", dy, y.size);
  expect("log_sum", log_sum, shape.batch * shape.length * shape.heads);
  if (dy.size == 0) {
    for (const Array* g : {&grads.r, &grads.b_w, &grads.b_r}) zero(*g);
    return;
  }
#if STILLPOINT_CUDA
  if (dy.device == Device::cuda)
    return relative_attention_backward_cuda(shape, inputs, y, log_sum, dy, grads);
#endif
  relative_attention_backward_cpu(shape, inputs, y, log_sum, dy, grads);
}

}  // namespace stillpoint::kernels
