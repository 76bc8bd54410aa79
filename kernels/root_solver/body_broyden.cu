// Bodies of a step of Broyden's method: its products, the judgement of each sample, and the move.
#include "kernels/launch/launch.h"
#include "kernels/launch/optional_array.h"
#include "kernels/root_solver/broyden_step.h"
#include "kernels/root_solver/sample_judge.h"
#include "kernels/root_solver/solver_chunk.h"

namespace stillpoint::kernels {
namespace {

// The rows of the sums of a sample: ||f - z||^2, ||f||^2; p . p, p . (f - z), V (f - z), U p.
constexpr Index dots_of_start = 2, dots = 4;

// sums[b,k,j] is the j-th chunk of row k.
template <class T>
struct BroydenProducts {
  const T *z, *f, *p, *u, *v;
  T* sums;
  Index count, capacity, width, chunks, rows;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index k = r % rows, j = r / rows % chunks, b = r / rows / chunks;  // a thread keeps its columns
    const Index n = minimum<Index>(solver_chunk, width - j * solver_chunk);
    const T* const old = z + b * width + j * solver_chunk;
    const T* const now = f + (old - z);
    T total;
    if (k == 0)
      total = team.template sum<T>(n, [=](Index i) { return (now[i] - old[i]) * (now[i] - old[i]); });
    else if (k == 1)
      total = team.template sum<T>(n, [=](Index i) { return now[i] * now[i]; });
    else
      total = product(k, b, j, n, team);
    if (team.leader()) sums[(b * rows + k) * chunks + j] = total;
  }
  template <class Team>
  STILLPOINT_HD T product(Index k, Index b, Index j, Index n, Team team) const {
    const Index at = b * width + j * solver_chunk, m = k - dots;
    const T* const step = p + at;
    const T* left = step;
    if (m >= count)
      left = u + (b * capacity + m - count) * width + j * solver_chunk;
    else if (m >= 0)
      left = v + (b * capacity + m) * width + j * solver_chunk;
    if (k == 2 || m >= count) return team.template sum<T>(n, [=](Index i) { return left[i] * step[i]; });
    const T* const old = z + at;
    const T* const now = f + at;
    return team.template sum<T>(n, [=](Index i) { return left[i] * (now[i] - old[i]); });
  }
};

template <class T>
struct LineSearchJudge {
  T *start, *scale, *last_scale, *last_squares, *taken;

  explicit LineSearchJudge(const LineSearch& s)
      : start(pointer_or_null<T>(s.start)),
        scale(pointer_or_null<T>(s.scale)),
        last_scale(pointer_or_null<T>(s.last_scale)),
        last_squares(pointer_or_null<T>(s.last_squares)),
        taken(pointer_or_null<T>(s.taken)) {}

  // `value` is ||g||^2 of sample b at the trial.
  STILLPOINT_HD void operator()(Index b, T value) const {
    const T s = scale[b];
    const bool gave_up = last_scale[b] < T(0);
    const bool enough = value <= (T(1) - T(line_decrease) * s) * start[b];
    if (gave_up || enough) {
      taken[b] = s;
      start[b] = value;
      scale[b] = T(1);
      last_scale[b] = T(0);
      return;
    }
    taken[b] = T(0);
    T next = least(b, s, value);
    // The condition is negated so that a NaN is clamped, too.
    if (!(next >= T(0.1) * s && next <= T(0.5) * s)) next = next > T(0.5) * s ? T(0.5) * s : T(0.1) * s;
    last_squares[b] = value;
    last_scale[b] = s;
    if (next < T(least_line_scale)) {
      next = T(1);
      last_scale[b] = T(-1);
    }
    scale[b] = next;
  }
  // Returns the least point of the parabola through start, its slope and the trial, or of the cubic that also
  // goes through the trial before.
  STILLPOINT_HD T least(Index b, T s, T value) const {
    const T f = start[b], h = last_scale[b];
    const T rise = (value - f + f * s) / (s * s);
    if (h == T(0)) return f / (T(2) * rise);
    const T earlier = (last_squares[b] - f + f * h) / (h * h);
    const T a = (rise - earlier) / (s - h), c = rise - a * s;
    return (-c + square_root(maximum(c * c + T(3) * a * f, T(0)))) / (T(3) * a);
  }
};

// products[b] is V g, U p, along and length, (2 count + 2).
template <class T>
struct BroydenJudge {
  const T* sums;
  T* products;
  Index count, chunks, rows;
  SampleJudge<T> judge;
  LineSearchJudge<T> search;
  template <class Team>
  STILLPOINT_HD void operator()(Index b, Team team) const {
    const T* const s = sums + b * rows * chunks;
    const Index n = chunks;
    const T difference = dot(s, 0, team), value = dot(s, 1, team);
    if (rows > dots_of_start) {
      T* const c = products + b * (2 * count + 2);
      const Index k = count;
      const T length = dot(s, 2, team), direct = dot(s, 3, team);
      const T along = team.template sum<T>(k, [=](Index m) {
        const T* const of_v = s + (dots + m) * n;
        const T* const of_u = of_v + k * n;
        T a = T(0), d = T(0);
        for (Index j = 0; j < n; ++j) {
          a += of_v[j];
          d += of_u[j];
        }
        c[m] = a;
        c[k + m] = d;
        return d * a;
      });
      if (team.leader()) {
        c[2 * k] = along - direct;
        c[2 * k + 1] = length;
      }
    }
    if (!team.leader()) return;
    judge(b, difference, value);
    if (search.start != nullptr) search(b, difference);
  }
  template <class Team>
  STILLPOINT_HD T dot(const T* s, Index k, Team team) const {
    const T* const row = s + k * chunks;
    return team.template sum<T>(chunks, [=](Index j) { return row[j]; });
  }
};

// The tiles of all samples move first, then, if there is a history, those of the new v follow.
template <class T, int tile>
struct BroydenAdvance {
  const T *z, *f, *p, *u, *v, *products, *scale, *taken;
  const std::int32_t *status, *better;
  T *new_u, *new_v, *best, *from, *next_p, *next_z;
  Index samples, count, capacity, width, tiles;

  STILLPOINT_HD void operator()(Index r) const {
    const Index state = r / tiles, begin = r % tiles * tile, n = size_of_tile<tile>(width - begin);
    if (state < samples)
      move(state, begin, n);
    else
      update_v(state - samples, begin, n);
  }
  STILLPOINT_HD const T* row(const T* rows, Index b, Index begin) const {
    return rows + b * capacity * width + begin;
  }
  STILLPOINT_HD void update_v(Index b, Index begin, Index n) const {
    const T* const step = p + b * width + begin;
    T* const to = new_v + b * capacity * width + begin;
    T sum[tile];
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) sum[i] = -step[i];
    add_rows(sum, n, row(v, b, begin), width, products + b * (2 * count + 2) + count, count, T(1));
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) to[i] = sum[i];
  }
  STILLPOINT_HD void move(Index b, Index begin, Index n) const {
    const Index at = b * width + begin;
    T q[tile];
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) q[i] = f[at + i] - z[at + i];
    if (p != nullptr) update_u(q, b, begin, n);
    const bool lowest = better[b] != 0, runs = status[b] == std::int32_t(SampleStatus::running);
    const bool searches = from != nullptr, accepted = !searches || taken[b] != T(0);
    const T length = searches ? scale[b] : T(1);
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) {
      const T x = z[at + i], start = accepted ? x : from[at + i];
      next_p[at + i] = q[i];
      next_z[at + i] = runs ? start + length * q[i] : x;
      if (lowest) best[at + i] = x;
      if (searches) from[at + i] = start;
    }
  }
  // Replaces g by p', and writes the new u.
  STILLPOINT_HD void update_u(T (&q)[tile], Index b, Index begin, Index n) const {
    const T* const c = products + b * (2 * count + 2);
    const T* const before = p + b * width + begin;
    T* const to = new_u + b * capacity * width + begin;
    add_rows(q, n, row(u, b, begin), width, c, count, T(-1));
    // In a sample that has stopped, along + length is only rounding.
    const T along = c[2 * count], length = c[2 * count + 1];
    const T sum = along + length, least = (sizeof(T) == 8 ? T(1e-10) : T(1e-4)) * length;
    const T scale_of_u = T(1) / sum, t = taken == nullptr ? T(1) : taken[b];
    const bool usable = is_finite(scale_of_u) && is_finite(along) && maximum(sum, -sum) > least;
    const bool refused = t == T(0);
    const T of_u = usable && !refused ? scale_of_u : T(0), rest = T(1) - t;
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) {
      const T step = before[i], change = of_u == T(0) ? T(0) : of_u * (q[i] - rest * step);
      to[i] = change;
      q[i] = refused || !is_finite(q[i]) ? step : q[i] - (of_u == T(0) ? T(0) : along * change);
    }
  }
};

}  // namespace

void broyden_judge(const BroydenStep& s, Index number, const RootRule& rule, const RootState& state,
                   const Array& trace) {
  dispatch_real(s.z.dtype, "broyden_judge", [&](auto zero) {
    using T = decltype(zero);
    const Index samples = state.status.size, width = s.z.size / samples, chunks = chunks_of(width);
    const Index count = s.u.count, rows = s.p.data == nullptr ? dots_of_start : dots + 2 * count;
    const Buffer partial(s.z.device, std::size_t(samples * rows * chunks) * sizeof(T));
    T* const sums = static_cast<T*>(partial.data());
    each_row(
        s.z.device, samples * rows * chunks, minimum(solver_chunk, width),
        BroydenProducts<T>{s.z.as<T>(), s.f.as<T>(), pointer_or_null<T>(s.p), pointer_or_null<T>(s.u.rows),
                           pointer_or_null<T>(s.v.rows), sums, count, s.u.capacity, width, chunks, rows});
    each_row(s.z.device, samples, rows * chunks,
             BroydenJudge<T>{sums, s.products.as<T>(), count, chunks, rows,
                             SampleJudge<T>(state, rule, number, trace), LineSearchJudge<T>(s.search)});
  });
}

void broyden_move(const BroydenStep& s, const RootState& state, const BroydenMove& to) {
  dispatch_real(s.z.dtype, "broyden_move", [&](auto zero) {
    using T = decltype(zero);
    const Index samples = state.status.size, width = s.z.size / samples, count = s.u.count;
    const bool updates = s.p.data != nullptr;
    each_tile(s.z.device, updates ? 2 * samples : samples, width, count + 4, [&](auto tile) {
      return BroydenAdvance<T, tile>{.z = s.z.as<T>(),
                                     .f = s.f.as<T>(),
                                     .p = pointer_or_null<T>(s.p),
                                     .u = pointer_or_null<T>(s.u.rows),
                                     .v = pointer_or_null<T>(s.v.rows),
                                     .products = s.products.as<T>(),
                                     .scale = pointer_or_null<T>(s.search.scale),
                                     .taken = pointer_or_null<T>(s.search.taken),
                                     .status = state.status.as<std::int32_t>(),
                                     .better = state.better.as<std::int32_t>(),
                                     .new_u = updates ? row_of(s.u, count).rows.as<T>() : nullptr,
                                     .new_v = updates ? row_of(s.v, count).rows.as<T>() : nullptr,
                                     .best = to.best.as<T>(),
                                     .from = pointer_or_null<T>(s.search.from),
                                     .next_p = to.next_p.as<T>(),
                                     .next_z = to.next_z.as<T>(),
                                     .samples = samples,
                                     .count = count,
                                     .capacity = s.u.capacity,
                                     .width = width,
                                     .tiles = chunks_of(width, tile)};
    });
  });
}

}  // namespace stillpoint::kernels
