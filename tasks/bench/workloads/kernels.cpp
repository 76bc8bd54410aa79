// Kernels that no op calls by itself: products, updates, random fills, statistics and counts.
#include "kernels/gemm/gemm_batched.h"

#include "engine/ops.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/predictions/predictions.h"
#include "kernels/random/random.h"
#include "kernels/update/update.h"
#include "tasks/bench/workloads/families.h"
#include "tasks/bench/workloads/kernel_call.h"

namespace stillpoint::bench {
namespace {

Call gemm(const Sizes& s, Device device) {
  const Index m = s.batch, n = s.width;
  const Tensor a = normal_data({m, n}, 1, device), b = normal_data({n, n}, 2, device),
               c = empty_on({m, n}, device);
  return kernel_call(m, 2.0 * double(m * n * n), double(2 * m * n + n * n),
                     [=] { kernels::gemm({.m = m, .n = n, .k = n}, a.array(), b.array(), c.array()); });
}

// So many products (n,n) (n,n).
Call gemm_batched(const Sizes& s, Device device) {
  const Index count = s.batch, n = s.width;
  const Tensor a = normal_data({count, n, n}, 1, device), b = normal_data({count, n, n}, 2, device),
               c = empty_on({count, n, n}, device);
  return kernel_call(count, 2.0 * double(count * n * n * n), 3.0 * double(count * n * n), [=] {
    kernels::gemm_batched({count, {.m = n, .n = n, .k = n}, n * n, n * n, n * n}, a.array(), b.array(),
                          c.array());
  });
}

Call copy(const Sizes& s, Device device) {
  const Tensor x = normal_data({s.width}, 1, device);
  return kernel_call(1, 0, 2.0 * double(s.width), [=] { clone(x); });
}

// The values of a late step: lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), 1 - beta1, 1; and lr, momentum.
const std::vector<float> adam_values{1e-3f, 1, 0.1f, 1}, sgd_values{1e-3f, 0.9f};

// The parameters of `width` elements lie in one tensor.
Call update(const Sizes& s, Device device, bool adam) {
  const Index n = s.width;
  const Tensor p = normal_data({n}, 1, device), g = normal_data({n}, 2, device),
               m = Tensor::zeros({n}, p.options()), v = Tensor::zeros({n}, p.options()),
               norm = Tensor::zeros({1}, p.options()), factor = Tensor::zeros({1}, p.options());
  const Tensor coefficients = Tensor::from(adam ? adam_values : sgd_values, {adam ? 4 : 2}, device);
  // Per element: a square and a sum for the norm, then 12 operations of Adam, or 4 of SGD.
  return kernel_call(1, double(n) * (adam ? 14 : 6), double(n) * (adam ? 7 : 5), [=] {
    const kernels::AdamTensor table[]{{p.array(), g.array(), m.array(), adam ? v.array() : Array{}}};
    const Array gradients[]{g.array()}, clip = factor.array();
    kernels::global_norm(gradients, norm.array(), {1, clip});
    if (adam)
      kernels::adam_step(table, {}, coefficients.array(), &clip);
    else
      kernels::sgd_step(table, 0, coefficients.array(), &clip);
  });
}

Call fill(const Sizes& s, Device device, bool normal) {
  const Tensor y = empty_on({s.width}, device);
  return kernel_call(1, 0, double(s.width), [=] {
    if (normal)
      kernels::fill_normal(y.array(), {1, 2}, 0, 1);
    else
      kernels::fill_uniform(y.array(), {1, 2}, 0, 1);
  });
}

// Statistics of a batch of images, and the running ones after it.
Call statistics(const Sizes& s, Device device) {
  const kernels::BatchNormShape shape{s.batch, s.width, s.length, s.length};
  const Tensor x = normal_data({s.batch, s.width, s.length, s.length}, 1, device),
               mean = empty_on({s.width}, device), variance = empty_on({s.width}, device),
               running_mean = Tensor::zeros({s.width}, x.options()),
               running_variance = Tensor::full({s.width}, 1, x.options());
  return kernel_call(s.batch, 4.0 * double(x.size()), double(x.size() + 6 * s.width), [=] {
    kernels::batch_norm_statistics(shape, x.array(), mean.array(), variance.array());
    kernels::update_running_statistics(shape.values(), mean.array(), variance.array(), running_mean.array(),
                                       running_variance.array());
  });
}

Call confusion(const Sizes& s, Device device) {
  const Tensor labels = integer_data({s.batch}, 1, s.width, device),
               predicted = integer_data({s.batch}, 2, s.width, device),
               counts = empty_on({s.width, s.width}, device, DType::int32);
  return kernel_call(s.batch, 0, double(2 * s.batch + s.width * s.width),
                     [=] { kernels::confusion(s.width, labels.array(), predicted.array(), counts.array()); });
}

}  // namespace

void add_kernels(std::vector<Workload>& workloads) {
  const auto add = [&](const char* name, const char* summary, const Sizes& usual,
                       std::function<Call(const Sizes&, Device)> make) {
    workloads.push_back(kernel_row(name, summary, usual, std::move(make)));
  };
  add("gemm", "(batch,width) (width,width) in the precision that is set", {.batch = 1024, .width = 1024},
      gemm);
  add("gemm-batched", "`batch` products (width,width) (width,width)", {.batch = 480, .width = 112},
      gemm_batched);
  add("copy", "a copy of `width` elements", {.width = 1 << 25}, copy);
  add("adam", "norm, clipping and Adam of `width` parameters", {.width = 17294},
      [](const Sizes& s, Device d) { return update(s, d, true); });
  add("sgd", "norm, clipping and SGD with momentum of `width` parameters", {.width = 17294},
      [](const Sizes& s, Device d) { return update(s, d, false); });
  add("fill-uniform", "`width` uniform numbers", {.width = 1 << 20},
      [](const Sizes& s, Device d) { return fill(s, d, false); });
  add("fill-normal", "`width` normal numbers", {.width = 1 << 20},
      [](const Sizes& s, Device d) { return fill(s, d, true); });
  add("batch-norm-statistics", "moments of a batch of images", {.batch = 128, .length = 28, .width = 24},
      statistics);
  add("confusion", "counts of label and prediction", {.batch = 250, .width = 10}, confusion);
}

}  // namespace stillpoint::bench
