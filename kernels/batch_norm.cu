// Bodies of batch normalisation with ReLU: a team per plane of one sample and channel, then a team per
// channel over its planes.
#include "kernels/batch_norm.h"

#include "kernels/launch.h"

namespace stillpoint::kernels {
namespace {

// mean and squares (N,C) of each plane: its mean and the sum of the squared distances from it.
template <class T>
struct PlaneMoments {
  const T* x;
  T *mean, *squares;
  Index places;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T* const in = x + r * places;
    const T first = in[0];
    const T centre = first + team.template sum<T>(places, [=](Index i) { return in[i] - first; }) / T(places);
    const T total =
        team.template sum<T>(places, [=](Index i) { return (in[i] - centre) * (in[i] - centre); });
    if (!team.leader()) return;
    mean[r] = centre;
    squares[r] = total;
  }
};

// variance = (sum of the planes' squares + P sum of (plane mean - mean)^2) / (N P)
template <class T>
struct ChannelMoments {
  const T *plane_mean, *squares;
  T *mean, *variance;
  Index batch, channels, places;
  template <class Team>
  STILLPOINT_HD void operator()(Index c, Team team) const {
    const T *const means = plane_mean + c, *const within = squares + c;
    const Index stride = channels;
    const T first = means[0], size = T(places);
    const T centre =
        first + team.template sum<T>(batch, [=](Index n) { return means[n * stride] - first; }) / T(batch);
    const T total = team.template sum<T>(batch, [=](Index n) {
      const T apart = means[n * stride] - centre;
      return within[n * stride] + size * apart * apart;
    });
    if (!team.leader()) return;
    mean[c] = centre;
    variance[c] = total / (T(batch) * size);
  }
};

// The parameters of one channel; forward and backward see the same value, so that they agree where y > 0.
template <class T>
struct Channel {
  T gain, shift, mean, inverse;
  STILLPOINT_HD T normalised(T x) const { return (x - mean) * inverse; }
  STILLPOINT_HD T value(T z) const { return multiply_add(gain, z, shift); }
};

template <class T>
struct Channels {
  const T *gain, *shift, *mean, *variance;
  STILLPOINT_HD Channel<T> operator[](Index c) const {
    return {gain[c], shift[c], mean[c], T(1) / square_root(variance[c] + T(batch_norm_eps))};
  }
};

template <class T>
Channels<T> channels_of(const BatchNormParams& p) {
  return {p.gain.as<T>(), p.shift.as<T>(), p.mean.as<T>(), p.variance.as<T>()};
}

template <class T>
struct BatchNormRelu {
  const T* x;
  T* y;
  Channels<T> params;
  Index channels, places;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Channel<T> channel = params[r % channels];
    const T* const in = x + r * places;
    T* const out = y + r * places;
    team.each(places, [=](Index i) {
      const T v = channel.value(channel.normalised(in[i]));
      out[i] = v < T(0) ? T(0) : v;  // a NaN stays a NaN
    });
  }
};

// dshift and dgain (N,C): each plane's part of the two sums.
template <class T>
struct PlaneGradients {
  const T *x, *g;
  T *dshift, *dgain;
  Channels<T> params;
  Index channels, places;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Channel<T> channel = params[r % channels];
    const T *const in = x + r * places, *const of = g + r * places;
    const T total = team.template sum<T>(
        places, [=](Index i) { return channel.value(channel.normalised(in[i])) > T(0) ? of[i] : T(0); });
    const T along = team.template sum<T>(places, [=](Index i) {
      const T z = channel.normalised(in[i]);
      return channel.value(z) > T(0) ? of[i] * z : T(0);
    });
    if (!team.leader()) return;
    dshift[r] = total;
    dgain[r] = along;
  }
};

template <class T>
struct ChannelGradients {
  const T *plane_dshift, *plane_dgain;
  T *dshift, *dgain;
  Index batch, channels;
  template <class Team>
  STILLPOINT_HD void operator()(Index c, Team team) const {
    const T *const shifts = plane_dshift + c, *const gains = plane_dgain + c;
    const Index stride = channels;
    const T total = team.template sum<T>(batch, [=](Index n) { return shifts[n * stride]; });
    const T along = team.template sum<T>(batch, [=](Index n) { return gains[n * stride]; });
    if (!team.leader()) return;
    dshift[c] = total;
    dgain[c] = along;
  }
};

template <class T>
struct BatchNormReluBackward {
  const T *x, *g, *dshift, *dgain;
  T* dx;
  Channels<T> params;
  Index batch, channels, places;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index c = r % channels;
    const Channel<T> channel = params[c];
    const T n = T(batch) * T(places), mean = dshift[c] / n, along = dgain[c] / n;
    const T scale = channel.gain * channel.inverse;
    const T *const in = x + r * places, *const of = g + r * places;
    T* const out = dx + r * places;
    team.each(places, [=](Index i) {
      const T z = channel.normalised(in[i]), m = channel.value(z) > T(0) ? of[i] : T(0);
      out[i] = scale * (m - mean - z * along);
    });
  }
};

template <class T>
struct RunningStatistics {
  const T *mean, *variance;
  T *running_mean, *running_variance;
  T momentum, unbiased;
  STILLPOINT_HD void operator()(Index c) const {
    running_mean[c] = (T(1) - momentum) * running_mean[c] + momentum * mean[c];
    running_variance[c] = (T(1) - momentum) * running_variance[c] + momentum * (unbiased * variance[c]);
  }
};

}  // namespace

void batch_norm_statistics(const BatchNormShape& s, const Array& x, const Array& mean,
                           const Array& variance) {
  dispatch_real(x.dtype, "batch_norm_statistics", [&](auto zero) {
    using T = decltype(zero);
    const Index planes = s.batch * s.channels;
    const Buffer partial(x.device, std::size_t(2 * planes) * sizeof(T));
    T *const means = static_cast<T*>(partial.data()), *const squares = means + planes;
    each_row(x.device, planes, s.places, PlaneMoments<T>{x.as<T>(), means, squares, s.places});
    each_row(
        x.device, s.channels, s.batch,
        ChannelMoments<T>{means, squares, mean.as<T>(), variance.as<T>(), s.batch, s.channels, s.places});
  });
}

void batch_norm_relu(const BatchNormShape& s, const BatchNormParams& params, const Array& x, const Array& y) {
  dispatch_real(y.dtype, "batch_norm_relu", [&](auto zero) {
    using T = decltype(zero);
    each_row(y.device, s.batch * s.channels, s.places,
             BatchNormRelu<T>{x.as<T>(), y.as<T>(), channels_of<T>(params), s.channels, s.places});
  });
}

void batch_norm_relu_backward(const BatchNormShape& s, const BatchNormParams& params, const Array& x,
                              const Array& g, const Array& dx, const Array& dgain, const Array& dshift) {
  dispatch_real(dx.dtype, "batch_norm_relu_backward", [&](auto zero) {
    using T = decltype(zero);
    const Index planes = s.batch * s.channels;
    const Buffer partial(dx.device, std::size_t(2 * planes) * sizeof(T));
    T *const shifts = static_cast<T*>(partial.data()), *const gains = shifts + planes;
    const Channels<T> channels = channels_of<T>(params);
    each_row(dx.device, planes, s.places,
             PlaneGradients<T>{x.as<T>(), g.as<T>(), shifts, gains, channels, s.channels, s.places});
    each_row(dx.device, s.channels, s.batch,
             ChannelGradients<T>{shifts, gains, dshift.as<T>(), dgain.as<T>(), s.batch, s.channels});
    each_row(dx.device, planes, s.places,
             BatchNormReluBackward<T>{x.as<T>(), g.as<T>(), dshift.as<T>(), dgain.as<T>(), dx.as<T>(),
                                      channels, s.batch, s.channels, s.places});
  });
}

void update_running_statistics(std::int64_t n, const Array& mean, const Array& variance,
                               const Array& running_mean, const Array& running_variance) {
  require(n > 1, "update_running_statistics: given ", n,
          " values per channel, expected at least 2 for an unbiased variance, use larger batches");
  dispatch_real(mean.dtype, "update_running_statistics", [&](auto zero) {
    using T = decltype(zero);
    each(mean.device, mean.size,
         RunningStatistics<T>{mean.as<T>(), variance.as<T>(), running_mean.as<T>(), running_variance.as<T>(),
                              T(batch_norm_momentum), T(double(n) / double(n - 1))});
  });
}

}  // namespace stillpoint::kernels
