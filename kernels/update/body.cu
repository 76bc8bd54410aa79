// Bodies of the optimisers: tables of tensors go to a kernel by value, and a team takes a chunk of one
// tensor.
#include "kernels/update/update.h"

#include <utility>

#include "kernels/launch/launch.h"
#include "kernels/launch/optional_array.h"

namespace stillpoint::kernels {
namespace {

constexpr int most_tensors = 80;  // a table of four pointers each stays below the 4 KiB of kernel parameters
constexpr Index chunk = 256;      // of a warp: two rounds of loads; latency bounds a small step

// Chunks of consecutive tensors: tensor t has size[t] elements, and its first chunk is chunk number first[t].
template <class Pointers>
struct Table {
  Pointers tensor[most_tensors];
  Index size[most_tensors];
  std::int32_t first[most_tensors + 1];
  std::int32_t count;

  Index chunks() const { return first[count]; }
  Index elements() const {
    Index total = 0;
    for (int t = 0; t < count; ++t) total += size[t];
    return total;
  }
  void add(const Pointers& pointers, Index elements) {
    tensor[count] = pointers;
    size[count] = elements;
    first[count + 1] = first[count] + std::int32_t((elements + chunk - 1) / chunk);
    ++count;
  }
  // Returns the last tensor that has chunks and whose first chunk is number `at` or earlier.
  STILLPOINT_HD int find(Index at) const {
    int low = 0, high = count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (first[middle] <= at)
        low = middle;
      else
        high = middle;
    }
    return low;
  }
};

template <class T>
struct StatePointers {
  T* param;
  const T* grad;
  T *m, *v;
};

// What a team updates: `size` elements of a tensor with their state; v may be null.
template <class T>
struct StateChunk {
  T* p;
  const T* grad;
  T *m, *v;
  Index size;

  STILLPOINT_HD StateChunk(const Table<StatePointers<T>>& table, Index row) {
    const int t = table.find(row);
    const Index begin = (row - table.first[t]) * chunk;
    const StatePointers<T>& tensor = table.tensor[t];
    p = tensor.param + begin;
    grad = tensor.grad + begin;
    m = tensor.m + begin;
    v = tensor.v == nullptr ? nullptr : tensor.v + begin;
    size = minimum(chunk, table.size[t] - begin);
  }
};

template <class T>
struct AdamChunk {
  Table<StatePointers<T>> table;
  const T *clip, *coefficients;
  T beta2, eps, weight_decay;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    const StateChunk<T> s(table, row);
    const T factor = clip == nullptr ? T(1) : clip[0];
    const T size = coefficients[0], root = coefficients[1], b1 = coefficients[2], keep = coefficients[3];
    const T b2 = beta2, c2 = T(1) - beta2, decay = weight_decay, e = eps;
    team.each(s.size, [=](Index i) {
      const T g = factor * s.grad[i] + decay * s.p[i];
      const T mean = s.m[i] + b1 * (g - s.m[i]);
      const T square = b2 * s.v[i] + c2 * g * g;
      s.m[i] = mean;
      s.v[i] = square;
      s.p[i] = keep * s.p[i] - size * mean / (square_root(square) * root + e);
    });
  }
};

template <class T>
struct SgdChunk {
  Table<StatePointers<T>> table;
  const T *clip, *coefficients;
  T weight_decay;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    const StateChunk<T> s(table, row);
    const T factor = clip == nullptr ? T(1) : clip[0], decay = weight_decay;
    const T rate = coefficients[0], keep = coefficients[1];
    team.each(s.size, [=](Index i) {
      const T step = keep * s.m[i] + (factor * s.grad[i] + decay * s.p[i]);
      s.m[i] = step;
      s.p[i] -= rate * step;
    });
  }
};

template <class T>
struct RmspropChunk {
  Table<StatePointers<T>> table;
  const T *clip, *coefficients;
  T beta2, eps, weight_decay;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    const StateChunk<T> s(table, row);
    const T factor = clip == nullptr ? T(1) : clip[0];
    const T rate = coefficients[0], keep = coefficients[1];
    const T b2 = beta2, c2 = T(1) - beta2, decay = weight_decay, e = eps;
    team.each(s.size, [=](Index i) {
      const T g = factor * s.grad[i] + decay * s.p[i];
      const T square = b2 * s.v[i] + c2 * g * g;
      const T step = keep * s.m[i] + g / (square_root(square) + e);
      s.v[i] = square;
      s.m[i] = step;
      s.p[i] -= rate * step;
    });
  }
};

template <class T>
struct SquaresChunk {
  Table<const T*> table;
  double* sums;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    const int t = table.find(row);
    const Index begin = (row - table.first[t]) * chunk;
    const T* const g = table.tensor[t] + begin;
    const double sum = team.template sum<double>(minimum(chunk, table.size[t] - begin),
                                                 [=](Index i) { return double(g[i]) * double(g[i]); });
    if (team.leader()) sums[row] = sum;
  }
};

constexpr Index group = 512;

struct SumGroup {
  const double* sums;
  double* out;
  Index n;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    const double* const s = sums + row * group;
    const double total =
        team.template sum<double>(minimum(group, n - row * group), [=](Index i) { return s[i]; });
    if (team.leader()) out[row] = total;
  }
};

// norm = the root of the sum, and if there is a `factor`, that of the clipping.
template <class T>
struct RootOfSum {
  const double* sums;
  Index n;
  T *norm, *factor;
  T max_norm;
  template <class Team>
  STILLPOINT_HD void operator()(Index, Team team) const {
    const double* const s = sums;
    const double total = team.template sum<double>(n, [=](Index i) { return s[i]; });
    if (!team.leader()) return;
    const T length = T(square_root(total)), wanted = max_norm / (length + T(1e-6));
    norm[0] = length;
    if (factor != nullptr) factor[0] = wanted >= T(1) ? T(1) : wanted;
  }
};

void require_step(const char* where, std::int64_t step) {
  require(step >= 1, where, ": given step ", step, ", expected 1 or later, count steps from 1");
}

// Four elements of an optimiser step cost as much as one of a heavier body, so threads pay from 4
// serial_below on.
template <class Pointers>
Index cost_of(const Table<Pointers>& table) {
  return table.elements() / (4 * table.chunks());
}

template <class Body>
void over_chunks(Device device, const Body& body) {
  if (body.table.chunks() > 0) each_row(device, body.table.chunks(), cost_of(body.table), body);
}

// Fills tables of up to most_tensors tensors and runs `body` on each table.
template <class T, class Body>
void over_tables(std::span<const AdamTensor> tensors, Body body) {
  for (std::size_t next = 0; next < tensors.size();) {
    body.table.count = 0;
    body.table.first[0] = 0;
    for (; next < tensors.size() && body.table.count < most_tensors; ++next) {
      const AdamTensor& t = tensors[next];
      if (t.param.size == 0) continue;
      body.table.add({t.param.as<T>(), t.grad.as<T>(), pointer_or_null<T>(t.m), pointer_or_null<T>(t.v)},
                     t.param.size);
    }
    over_chunks(tensors[0].param.device, body);
  }
}

template <class T>
const T* clip_pointer(const Array* clip_factor) {
  return clip_factor == nullptr ? nullptr : clip_factor->as<T>();
}

// Takes a step of an optimiser that keeps the mean of squares.
template <template <class> class Body>
void step_by_squares(const char* name, std::span<const AdamTensor> tensors, const AdamOptions& o,
                     const Array& coefficients, const Array* clip_factor) {
  if (tensors.empty()) return;
  dispatch_real(tensors[0].param.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    Body<T> body{};
    body.clip = clip_pointer<T>(clip_factor);
    body.coefficients = coefficients.as<T>();
    body.beta2 = T(o.beta2);
    body.eps = T(o.eps);
    body.weight_decay = T(o.weight_decay);
    over_tables<T>(tensors, body);
  });
}

}  // namespace

std::array<double, 4> adam_coefficients(double lr, double beta1, double beta2, std::int64_t step,
                                        double decay) {
  require_step("adam", step);
  return {lr / (1 - std::pow(beta1, double(step))), 1 / std::sqrt(1 - std::pow(beta2, double(step))),
          1 - beta1, 1 - lr * decay};
}

std::array<double, 2> sgd_coefficients(double lr, double momentum, std::int64_t step) {
  require_step("sgd", step);
  return {lr, step == 1 ? 0 : momentum};
}

void adam_step(std::span<const AdamTensor> tensors, const AdamOptions& options, const Array& coefficients,
               const Array* clip_factor) {
  step_by_squares<AdamChunk>("adam_step", tensors, options, coefficients, clip_factor);
}

void rmsprop_step(std::span<const AdamTensor> tensors, const AdamOptions& options, const Array& coefficients,
                  const Array* clip_factor) {
  step_by_squares<RmspropChunk>("rmsprop_step", tensors, options, coefficients, clip_factor);
}

void sgd_step(std::span<const AdamTensor> tensors, double weight_decay, const Array& coefficients,
              const Array* clip_factor) {
  if (tensors.empty()) return;
  dispatch_real(tensors[0].param.dtype, "sgd_step", [&](auto zero) {
    using T = decltype(zero);
    SgdChunk<T> body{};
    body.clip = clip_pointer<T>(clip_factor);
    body.coefficients = coefficients.as<T>();
    body.weight_decay = T(weight_decay);
    over_tables<T>(tensors, body);
  });
}

void global_norm(std::span<const Array> gradients, const Array& norm, const ClipTo& clip) {
  dispatch_real(norm.dtype, "global_norm", [&](auto zero) {
    using T = decltype(zero);
    Index chunks = 0;
    for (const Array& g : gradients) chunks += (g.size + chunk - 1) / chunk;
    const Buffer scratch(norm.device, std::size_t(chunks) * sizeof(double));
    double* const sums = static_cast<double*>(scratch.data());
    const auto root_of = [&](const double* of, Index n) {
      return RootOfSum<T>{of, n, norm.as<T>(), pointer_or_null<T>(clip.factor), T(clip.max_norm)};
    };
    const bool at_once = chunks <= 4 * group;
    Index done = 0;
    for (std::size_t next = 0; next < gradients.size();) {
      SquaresChunk<T> body{};
      body.sums = sums + done;
      for (; next < gradients.size() && body.table.count < most_tensors; ++next)
        if (gradients[next].size > 0) body.table.add(gradients[next].as<T>(), gradients[next].size);
      done += body.table.chunks();
      if (at_once && done == chunks && body.table.chunks() > 0)
        return each_row_then(norm.device, body.table.chunks(), cost_of(body.table), body,
                             root_of(sums, chunks));
      over_chunks(norm.device, body);
    }
    if (chunks <= 4 * group) return each_row(norm.device, 1, chunks, root_of(sums, chunks));
    const Index groups = (chunks + group - 1) / group;
    const Buffer fewer(norm.device, std::size_t(groups) * sizeof(double));
    double* const out = static_cast<double*>(fewer.data());
    each_row_then(norm.device, groups, group, SumGroup{sums, out, chunks}, root_of(out, groups));
  });
}

}  // namespace stillpoint::kernels
