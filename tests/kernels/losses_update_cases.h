// Checks softmax cross-entropy and optimiser steps against plain loops in double, on either device.
#pragma once
#include "kernels/losses/softmax_xent.h"
#include "kernels/update/update.h"
#include "tests/support/device_array.h"

namespace stillpoint::kernels {

// -log softmax(l)_y in double, without the cancellation in log(1 + small)
inline double reference_loss(const double* l, std::int64_t classes, std::int64_t y) {
  double top = l[0];
  for (std::int64_t c = 1; c < classes; ++c) top = std::max(top, l[c]);
  double others = 0;
  for (std::int64_t c = 0; c < classes; ++c) others += c == y ? 0 : std::exp(l[c] - top);
  return l[y] == top ? std::log1p(others) : top - l[y] + std::log(others + std::exp(l[y] - top));
}

// softmax(l) - onehot(y), without the cancellation at the label
inline std::vector<double> reference_gradient(const double* l, std::int64_t classes, std::int64_t y) {
  double top = l[0], total = 0, others = 0;
  for (std::int64_t c = 1; c < classes; ++c) top = std::max(top, l[c]);
  std::vector<double> d;
  for (std::int64_t c = 0; c < classes; ++c) {
    d.push_back(std::exp(l[c] - top));
    total += d.back();
    others += c == y ? 0 : d.back();
  }
  d[std::size_t(y)] = -others;
  for (double& value : d) value /= total;
  return d;
}

template <class T>
struct SoftmaxCase {
  std::vector<T> logits;
  std::vector<std::int32_t> labels;

  SoftmaxCase(std::int64_t rows, std::int64_t classes, double spread) : labels(std::size_t(rows)) {
    std::mt19937 rng(unsigned(rows * classes));
    logits = random_values<T>(rng, rows * classes, spread);
    for (std::size_t r = 0; r < labels.size(); ++r) {
      labels[r] = std::int32_t(rng() % unsigned(classes));
      if (r % 3 == 0)
        logits[r * std::size_t(classes) + std::size_t(labels[r])] += T(4 * spread);  // mostly correct
    }
  }
};

// Errors are relative to each value, however small it is: the exponential is off by a few ulp and by its
// argument's rounding.
template <class T>
void check_softmax(Device device, std::int64_t rows, std::int64_t classes, double spread) {
  INFO(rows << " rows, " << classes << " classes, spread " << spread << ", " << name_of(dtype_of<T>()));
  const SoftmaxCase<T> test(rows, classes, spread);
  const DeviceArray<T> logits(device, test.logits), losses(device, unwritten<T>(rows)), g(device, {T(3)});
  const DeviceArray<T> dlogits(device, unwritten<T>(rows * classes));
  const DeviceArray<std::int32_t> labels(device, test.labels);
  softmax_xent_forward(rows, classes, logits.array(), labels.array(), losses.array());
  softmax_xent_backward(rows, classes, logits.array(), labels.array(), g.array(), 1.0 / double(rows),
                        dlogits.array());
  const auto loss = losses.host(), d = dlogits.host();
  const std::vector<double> l = to_double(test.logits);
  double worst = 0;
  const auto note = [&](double actual, double expected) {
    const double floor = 1e-30;  // float32 exponentials below this are flushed to 0
    const double error = std::abs(actual - expected) / (std::abs(expected) + floor);
    worst = error <= worst ? worst : error;
  };
  for (std::int64_t r = 0; r < rows; ++r) {
    const double* const row = l.data() + r * classes;
    const std::int64_t y = test.labels[std::size_t(r)];
    note(double(loss[std::size_t(r)]), reference_loss(row, classes, y));
    const std::vector<double> expected = reference_gradient(row, classes, y);
    for (std::int64_t c = 0; c < classes; ++c)
      note(double(d[std::size_t(r * classes + c)]), expected[std::size_t(c)] * 3 / double(rows));
  }
  INFO("worst relative error " << worst);
  CHECK(worst <= double(std::numeric_limits<T>::epsilon()) * (16 + 16 * spread));
}

// Rows with a label out of range must be NaN; they must not affect the other rows.
inline void check_bad_labels(Device device, std::int64_t classes) {
  const std::int64_t rows = 4;
  const DeviceArray<float> logits(device, std::vector<float>(std::size_t(rows * classes), 0.5f));
  const DeviceArray<float> losses(device, std::vector<float>(4, 0.0f)), g(device, {1.0f});
  const DeviceArray<float> dlogits(device, std::vector<float>(std::size_t(rows * classes), 0.0f));
  const DeviceArray<std::int32_t> labels(device, {-1, 0, std::int32_t(classes), std::int32_t(classes - 1)});
  softmax_xent_forward(rows, classes, logits.array(), labels.array(), losses.array());
  softmax_xent_backward(rows, classes, logits.array(), labels.array(), g.array(), 0.25, dlogits.array());
  const auto loss = losses.host(), d = dlogits.host();
  for (std::size_t r = 0; r < 4; ++r) {
    CHECK(std::isnan(loss[r]) == (r % 2 == 0));
    for (std::size_t c = 0; c < std::size_t(classes); ++c)
      CHECK(std::isnan(d[r * std::size_t(classes) + c]) == (r % 2 == 0));
  }
}

// An optimiser's tensors, in double and on a device.
template <class T>
struct OptimiserCase {
  Device device;
  std::vector<std::vector<double>> p, m, v;
  std::vector<DeviceArray<T>> dev_p, dev_m, dev_v;
  std::mt19937 rng{7};

  OptimiserCase(Device where, const std::vector<std::int64_t>& sizes) : device(where) {
    for (const std::int64_t n : sizes) {
      const auto values = random_values<T>(rng, n);
      p.push_back(to_double(values));
      m.emplace_back(std::size_t(n), 0.0);
      v.emplace_back(std::size_t(n), 0.0);
      dev_p.emplace_back(device, values);
      dev_m.emplace_back(device, std::vector<T>(std::size_t(n), T(0)));
      dev_v.emplace_back(device, std::vector<T>(std::size_t(n), T(0)));
    }
  }

  // Draws gradients, steps on the device by `step_device(table, clip)`, and here by `step_one(p, g, m, v)`.
  template <class Device, class One>
  void step(double clip, const Device& step_device, const One& step_one) {
    std::vector<DeviceArray<T>> gradients;
    std::vector<AdamTensor> table;
    for (std::size_t t = 0; t < p.size(); ++t) {
      const auto g = random_values<T>(rng, std::int64_t(p[t].size()));
      gradients.emplace_back(device, g);
      for (std::size_t i = 0; i < g.size(); ++i) step_one(p[t][i], clip * double(g[i]), m[t][i], v[t][i]);
      table.push_back({dev_p[t].array(), gradients[t].array(), dev_m[t].array(), dev_v[t].array()});
    }
    const DeviceArray<T> factor(device, {T(clip)});
    const Array array = factor.array();
    step_device(std::span<const AdamTensor>(table), clip == 1 ? nullptr : &array);
  }

  void check(int steps) const {
    for (std::size_t t = 0; t < p.size(); ++t) {
      INFO("tensor " << t << " of " << p[t].size() << " elements");
      check_close("p", dev_p[t].host(), p[t], steps);
      check_close("m", dev_m[t].host(), m[t], steps);
      check_close("v", dev_v[t].host(), v[t], steps);
    }
  }
};

// Returns a step's coefficients as T on the device.
template <class T, std::size_t n>
DeviceArray<T> coefficients_on(Device device, const std::array<double, n>& values) {
  return DeviceArray<T>(device, std::vector<T>(values.begin(), values.end()));
}

template <class T>
void check_adam(Device device, const std::vector<std::int64_t>& sizes, double clip, double decay,
                double decoupled = 0) {
  INFO("adam, " << sizes.size() << " tensors, clip " << clip << ", decay " << decay << ", "
                << name_of(dtype_of<T>()));
  OptimiserCase<T> test(device, sizes);
  const AdamOptions options{.beta2 = 0.95, .eps = 1e-5, .weight_decay = decay};
  const double lr = 0.01, beta1 = 0.8;
  for (int step = 1; step <= 5; ++step) {
    const auto coefficients =
        coefficients_on<T>(device, adam_coefficients(lr, beta1, options.beta2, step, decoupled));
    test.step(
        clip,
        [&](auto table, const Array* factor) { adam_step(table, options, coefficients.array(), factor); },
        [&](double& p, double g, double& m, double& v) {
          g += options.weight_decay * p;
          m = beta1 * m + (1 - beta1) * g;
          v = options.beta2 * v + (1 - options.beta2) * g * g;
          const double m_hat = m / (1 - std::pow(beta1, double(step)));
          const double v_hat = v / (1 - std::pow(options.beta2, double(step)));
          p = (1 - lr * decoupled) * p - lr * m_hat / (std::sqrt(v_hat) + options.eps);
        });
  }
  test.check(5);
}

template <class T>
void check_rmsprop(Device device, const std::vector<std::int64_t>& sizes, double clip, double decay,
                   double momentum) {
  INFO("rmsprop, clip " << clip << ", decay " << decay << ", momentum " << momentum << ", "
                        << name_of(dtype_of<T>()));
  OptimiserCase<T> test(device, sizes);
  const AdamOptions options{.beta2 = 0.9, .eps = 1e-2, .weight_decay = decay};
  const double lr = 0.01;
  for (int step = 1; step <= 4; ++step) {
    const auto coefficients = coefficients_on<T>(device, sgd_coefficients(lr, momentum, step));
    test.step(
        clip,
        [&](auto table, const Array* factor) { rmsprop_step(table, options, coefficients.array(), factor); },
        [&](double& p, double g, double& m, double& v) {
          g += options.weight_decay * p;
          v = options.beta2 * v + (1 - options.beta2) * g * g;
          m = (step == 1 ? 0 : momentum * m) + g / (std::sqrt(v) + options.eps);
          p -= lr * m;
        });
  }
  test.check(4);
}

template <class T>
void check_sgd(Device device, const std::vector<std::int64_t>& sizes, double clip, double decay,
               double momentum) {
  INFO("sgd, clip " << clip << ", decay " << decay << ", momentum " << momentum << ", "
                    << name_of(dtype_of<T>()));
  OptimiserCase<T> test(device, sizes);
  const double lr = 0.05;
  for (int step = 1; step <= 4; ++step) {
    const auto coefficients = coefficients_on<T>(device, sgd_coefficients(lr, momentum, step));
    test.step(
        clip, [&](auto table, const Array* factor) { sgd_step(table, decay, coefficients.array(), factor); },
        [&](double& p, double g, double& m, double&) {
          g += decay * p;
          m = step == 1 ? g : momentum * m + g;
          p -= lr * m;
        });
  }
  test.check(4);
}

// Checks the norm of gradients of these sizes; returns the norm that the device computed.
template <class T>
T check_norm(Device device, const std::vector<std::int64_t>& sizes) {
  std::mt19937 rng(11);
  std::vector<DeviceArray<T>> gradients;
  std::vector<Array> arrays;
  long double squares = 0;
  for (const std::int64_t n : sizes) {
    const auto g = random_values<T>(rng, n);
    for (const T value : g) squares += static_cast<long double>(value) * value;
    gradients.emplace_back(device, g);
    arrays.push_back(gradients.back().array());
  }
  const DeviceArray<T> norm(device, unwritten<T>(1));
  global_norm(arrays, norm.array());
  check_close("norm", norm.host(), {double(std::sqrt(squares))}, 1, 4);
  return norm.host()[0];
}

// min(1, c / (n + 1e-6))
inline void check_clip_factor(Device device) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double n : {0.0, 0.5, 1.0, 4.0, nan}) {
    const DeviceArray<double> gradient(device, {n}), norm(device, unwritten<double>(1));
    const DeviceArray<double> factor(device, unwritten<double>(1));
    global_norm(std::vector{gradient.array()}, norm.array(), {1.0, factor.array()});
    if (std::isnan(n))
      CHECK(std::isnan(factor.host()[0]));
    else
      CHECK(factor.host()[0] == Approx(std::min(1.0, 1.0 / (n + 1e-6))).epsilon(1e-12));
  }
}

// Returns the sizes of the copy-memory model's tensors and awkward ones: empty, one element, about a chunk,
// more than one chunk.
inline std::vector<std::int64_t> optimiser_sizes() {
  std::vector<std::int64_t> sizes{0, 1, 255, 256, 257, 1500};
  for (int t = 0; t < 56; ++t) sizes.push_back(t % 3 == 0 ? 800 : 10);
  return sizes;
}

}  // namespace stillpoint::kernels
