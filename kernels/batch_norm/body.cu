// Bodies of batch normalisation with ReLU: a team per plane of one sample and channel, then a team per
// channel over its planes.
#include "kernels/batch_norm/batch_norm.h"

#include <algorithm>

#include "kernels/batch_norm/batch_norm_channel.h"
#include "kernels/batch_norm/batch_norm_cpu.h"
#include "kernels/group/shared_batch.h"
#include "kernels/launch/launch.h"

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

// Computes the moments of all ranks' samples from the moments of each rank's samples, (ranks,2,C) of means
// and variances. A rank's weight is its share of the samples.
template <class T>
struct RankMoments {
  const T* of_ranks;
  T *mean, *variance;
  Index ranks, channels, samples;
  STILLPOINT_HD T weight(Index r) const {
    return T((r + 1) * samples / ranks - r * samples / ranks) / T(samples);
  }
  STILLPOINT_HD void operator()(Index c) const {
    const Index stride = 2 * channels;
    const T first = of_ranks[c];
    T centre = T(0), total = T(0);
    for (Index r = 0; r < ranks; ++r) centre += weight(r) * (of_ranks[r * stride + c] - first);
    centre += first;
    for (Index r = 0; r < ranks; ++r) {
      const T apart = of_ranks[r * stride + c] - centre;
      total += weight(r) * (of_ranks[r * stride + channels + c] + apart * apart);
    }
    mean[c] = centre;
    variance[c] = total;
  }
};

template <class T>
void share_moments(const BatchShare& share, const Array& mean, const Array& variance) {
  const Index channels = mean.size, ranks = share.group->size();
  const Device device = mean.device;
  const std::size_t each_bytes = std::size_t(channels) * sizeof(T);
  const Buffer buffer(device, 2 * std::size_t(ranks) * each_bytes);
  T* const all = static_cast<T*>(buffer.data());
  T* const own = all + 2 * share.group->rank() * channels;
  zero_bytes(all, device, buffer.bytes());
  copy_bytes(own, device, mean.data, device, each_bytes);
  copy_bytes(own + channels, device, variance.data, device, each_bytes);
  share.group->sum({all, 2 * ranks * channels, mean.dtype, device});
  each(device, channels, RankMoments<T>{all, mean.as<T>(), variance.as<T>(), ranks, channels, share.samples});
}

template <class T>
struct Scaled {
  const T* x;
  T* y;
  T by;
  STILLPOINT_HD void operator()(Index i) const { y[i] = by * x[i]; }
};

// The two sums that dx is made of. If ranks share the batch, g are the cotangents of each rank's own mean
// loss, which has the weight w in the loss of all ranks. The gradient of the latter is
//   dx = w_r gain / sqrt(variance + eps) (m - (S + z D) / (w_r n)),
// S and D are the sums over ranks of w dshift and w dgain, and w_r n is the number of values of this rank r.
// The factor w_r is applied later, when gradients are summed.
template <class T>
struct Sums {
  const T *shift, *gain;
  Buffer of_all;

  Sums(const Array& dshift, const Array& dgain) : shift(dshift.as<T>()), gain(dgain.as<T>()) {
    const BatchShare* const share = SharedBatch::current();
    if (share == nullptr) return;
    const Index channels = dshift.size;
    of_all = Buffer(dshift.device, std::size_t(2 * channels) * sizeof(T));
    T* const all = static_cast<T*>(of_all.data());
    const T weight = T(share->weight());
    each(dshift.device, channels, Scaled<T>{shift, all, weight});
    each(dshift.device, channels, Scaled<T>{gain, all + channels, weight});
    share->group->sum({all, 2 * channels, dshift.dtype, dshift.device});
    shift = all;
    gain = all + channels;
  }
};

// Returns the place where the window of output i starts; a row has `columns` outputs.
STILLPOINT_HD Place start_of(Place i, Place columns, Place width, Place pool) {
  return pool == 1 ? i : (i / columns * width + i % columns) * pool;
}

template <class T>
struct BatchNormRelu {
  const T* x;
  T* y;
  BatchNormChannels<T> params;
  BatchNormShape s;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const BatchNormChannel<T> channel = params[r % s.channels];
    const Place columns = Place(s.out_width()), outputs = Place(s.out_height()) * columns,
                width = Place(s.width), pool = Place(s.pool);
    const T* const in = x + r * s.places();
    T* const out = y + r * outputs;
    team.each(outputs, [=](Index i) {
      const T v = window_max(channel, in, start_of(Place(i), columns, width, pool), width, pool).value;
      out[i] = v < T(0) ? T(0) : v;  // a NaN stays a NaN
    });
  }
};

// dshift and dgain (N,C): each plane's part of the two sums.
template <class T>
struct PlaneGradients {
  const T *x, *g;
  T *dshift, *dgain;
  BatchNormChannels<T> params;
  BatchNormShape s;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const BatchNormChannel<T> channel = params[r % s.channels];
    const Place columns = Place(s.out_width()), outputs = Place(s.out_height()) * columns,
                width = Place(s.width), pool = Place(s.pool);
    const T *const in = x + r * s.places(), *const of = g + r * outputs;
    const auto largest = [=](Index i) {
      return window_max(channel, in, start_of(Place(i), columns, width, pool), width, pool);
    };
    const T total =
        team.template sum<T>(outputs, [=](Index i) { return largest(i).value > T(0) ? of[i] : T(0); });
    const T along = team.template sum<T>(outputs, [=](Index i) {
      const WindowMax<T> best = largest(i);
      return best.value > T(0) ? of[i] * best.z : T(0);
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
  BatchNormChannels<T> params;
  BatchNormShape s;
  // Each step of the loop takes a window, including those that the border cuts and that have no output.
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index c = r % s.channels;
    const BatchNormChannel<T> channel = params[c];
    const T n = T(s.batch) * T(s.places()), mean = dshift[c] / n, along = dgain[c] / n;
    const T scale = channel.gain * channel.inverse;
    const Place rows = Place(s.out_height()), columns = Place(s.out_width()), height = Place(s.height),
                width = Place(s.width), pool = Place(s.pool);
    const Place across = (width + pool - 1) / pool, windows = (height + pool - 1) / pool * across;
    const T *const in = x + r * s.places(), *const of = g + r * rows * columns;
    T* const out = dx + r * s.places();
    team.each(windows, [=](Index i) {
      const Place p = Place(i) / across, q = Place(i) % across, first = (p * width + q) * pool;
      const bool whole = p < rows && q < columns;
      Place place = -1;
      T m = T(0);
      if (whole) {
        const WindowMax<T> best = window_max(channel, in, first, width, pool);
        place = best.place;
        m = best.value > T(0) ? of[p * columns + q] : T(0);
      }
      const Place deep = minimum(pool, height - p * pool), wide = minimum(pool, width - q * pool);
      for (Place k = 0; k < deep * wide; ++k) {
        const Place at = first + k / wide * width + k % wide;
        out[at] = scale * ((at == place ? m : T(0)) - mean - channel.normalised(in[at]) * along);
      }
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
    if (x.device == Device::cpu)
      plane_moments_cpu(s, x.as<T>(), means, squares);
    else
      each_row(x.device, planes, s.places(), PlaneMoments<T>{x.as<T>(), means, squares, s.places()});
    each_row(
        x.device, s.channels, s.batch,
        ChannelMoments<T>{means, squares, mean.as<T>(), variance.as<T>(), s.batch, s.channels, s.places()});
    if (const BatchShare* const share = SharedBatch::current()) share_moments<T>(*share, mean, variance);
  });
}

void batch_norm_relu(const BatchNormShape& s, const BatchNormParams& params, const Array& x, const Array& y) {
  dispatch_real(y.dtype, "batch_norm_relu", [&](auto zero) {
    using T = decltype(zero);
    const BatchNormChannels<T> channels = channels_of<T>(params);
    if (y.device == Device::cpu && batch_norm_relu_cpu(s, channels, x.as<T>(), y.as<T>())) return;
    each_row(y.device, s.batch * s.channels, s.places(), BatchNormRelu<T>{x.as<T>(), y.as<T>(), channels, s});
  });
}

void batch_norm_relu_backward(const BatchNormShape& s, const BatchNormParams& params, const Array& x,
                              const Array& g, const Array& dx, const Array& dgain, const Array& dshift) {
  dispatch_real(dx.dtype, "batch_norm_relu_backward", [&](auto zero) {
    using T = decltype(zero);
    const Index planes = s.batch * s.channels;
    const Buffer partial(dx.device, std::size_t(2 * planes) * sizeof(T));
    T *const shifts = static_cast<T*>(partial.data()), *const gains = shifts + planes;
    const BatchNormChannels<T> channels = channels_of<T>(params);
    const bool fast =
        dx.device == Device::cpu && plane_gradients_cpu(s, channels, x.as<T>(), g.as<T>(), shifts, gains);
    if (!fast)
      each_row(dx.device, planes, s.places(),
               PlaneGradients<T>{x.as<T>(), g.as<T>(), shifts, gains, channels, s});
    each_row(dx.device, s.channels, s.batch,
             ChannelGradients<T>{shifts, gains, dshift.as<T>(), dgain.as<T>(), s.batch, s.channels});
    const Sums<T> sums(dshift, dgain);
    if (fast)
      return batch_norm_relu_backward_cpu(s, channels, x.as<T>(), g.as<T>(), sums.shift, sums.gain,
                                          dx.as<T>());
    each_row(dx.device, planes, s.places(),
             BatchNormReluBackward<T>{x.as<T>(), g.as<T>(), sums.shift, sums.gain, dx.as<T>(), channels, s});
  });
}

void update_running_statistics(std::int64_t n, const Array& mean, const Array& variance,
                               const Array& running_mean, const Array& running_variance) {
  if (const BatchShare* const share = SharedBatch::current())
    n = n / std::max<Index>(1, share->count()) * share->samples;
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
