// Bodies of the splitting steps: a row is a chunk of one place, so that a row is either on the frame or not.
#include "kernels/monotone/splitting_steps.h"

#include <algorithm>

#include "kernels/group/shared_batch.h"
#include "kernels/launch/stream.h"
#include "kernels/root_solver/solver_chunk.h"

namespace stillpoint::kernels {
namespace {

constexpr Index chunk = solver_chunk;

// The elements [begin, begin + n) of a part that a row works on.
struct Span {
  Index begin, n;
  bool frame;
};
struct Rows {
  Index side, width, chunks;
  STILLPOINT_HD Span operator()(Index r) const {
    const Index place = r / chunks, first = r % chunks * chunk, y = place / side, x = place % side;
    const bool frame = side > 1 && (x == 0 || y == 0 || x == side - 1 || y == side - 1);
    return {place * width + first, minimum<Index>(chunk, width - first), frame};
  }
};

// Returns ReLU of x, and 0 on the frame. A NaN stays a NaN.
template <class T>
STILLPOINT_HD T rectified(T x, bool frame) {
  return frame || x < T(0) ? T(0) : x;
}

template <class T, bool backward>
struct Prox {
  const T *shift, *z;
  T a;
  bool frame;
  STILLPOINT_HD T operator()(T u, Index i) const {
    if constexpr (backward) {
      const T gate = z[i], moved = u + a * shift[i];  // both loads at once
      return gate > T(0) ? moved : T(0);
    }
    return rectified(u, frame);
  }
};

template <class T, bool backward>
struct BeforeInverse {
  const T *u, *shift, *z;
  T* r;
  Rows rows;
  T a;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    const Span s = rows(row);
    const T *const from = u + s.begin, *const drift = shift + s.begin;
    const Prox<T, backward> prox{drift, backward ? z + s.begin : nullptr, a, s.frame};
    T* const to = r + s.begin;
    const T by = backward ? T(0) : a;
    assign(team, s.n, to, [=](Index i) {
      const T reflected = T(2) * prox(from[i], i) - from[i];
      return backward ? reflected : reflected + by * drift[i];
    });
  }
};

// Writes the new state and what judge_splitting needs. Next maps (old state, i) to the new state, Value
// (state, i) to the iterate.
template <class T, class Team, class Next, class Value>
STILLPOINT_HD void advance(const Span& s, Team team, T* state, T* sums, Index row, const Next& next,
                           const Value& value) {
  T* const u = state + s.begin;
  const T changed = team.template sum<T>(s.n, [=](Index i) {
    const T d = value(next(u[i], i), i) - value(u[i], i);
    return d * d;
  });
  const T length = team.template sum<T>(s.n, [=](Index i) {
    const T z = value(next(u[i], i), i);
    return z * z;
  });
  assign(team, s.n, u, [=](Index i) { return next(u[i], i); });
  if (team.leader()) {
    sums[2 * row] = changed;
    sums[2 * row + 1] = length;
  }
}

template <class T, bool backward>
struct AfterInverse {
  const T *v, *shift, *z;
  const std::int32_t* status;
  T *u, *sums;
  Rows rows;
  T a;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    if (*status != std::int32_t(SampleStatus::running)) return;
    const Span s = rows(row);
    const T* const resolved = v + s.begin;
    const Prox<T, backward> prox{shift + s.begin, backward ? z + s.begin : nullptr, a, s.frame};
    advance(
        s, team, u, sums, row,
        [=](T old, Index i) { return T(2) * resolved[i] - (T(2) * prox(old, i) - old); },
        [=](T x, Index i) { return prox(x, i); });
  }
};

template <class T, bool backward>
struct ForwardBackward {
  const T *w, *shift, *z;
  const std::int32_t* status;
  T *u, *sums;
  Rows rows;
  T a;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    if (*status != std::int32_t(SampleStatus::running)) return;
    const Span s = rows(row);
    const T *const product = w + s.begin, *const drift = shift + s.begin;
    const T* const solution = backward ? z + s.begin : nullptr;
    const T by = a;
    const bool frame = s.frame;
    advance(
        s, team, u, sums, row,
        [=](T old, Index i) {
          const T x = (T(1) - by) * old + by * (product[i] + drift[i]);
          if constexpr (backward) return solution[i] > T(0) ? x : T(0);
          return rectified(x, frame);
        },
        [](T x, Index) { return x; });
  }
};

template <class T, bool backward>
struct Iterate {
  const T *u, *shift, *z;
  T* to;
  Rows rows;
  T a;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    const Span s = rows(row);
    const T* const from = u + s.begin;
    T* const value = to + s.begin;
    const Prox<T, backward> prox{shift + s.begin, backward ? z + s.begin : nullptr, a, s.frame};
    assign(team, s.n, value, [=](Index i) { return prox(from[i], i); });
  }
};

// A part's sums are added in this many pieces, of which a GPU gives each a warp.
constexpr Index judge_pieces = 32;

// totals (2,parts,pieces): shares of ||z' - z||^2 and ||z'||^2 of each part. A row is a piece of a part.
template <class T>
struct JudgeSplittingPart {
  const T* sums[most_splitting_parts];
  Index rows[most_splitting_parts];
  Index parts;
  T* totals;
  T weight;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index p = r / judge_pieces, piece = r % judge_pieces;
    const Index first = rows[p] * piece / judge_pieces, n = rows[p] * (piece + 1) / judge_pieces - first;
    const T* const s = sums[p] + 2 * first;
    const T changed = team.template sum<T>(n, [=](Index i) { return s[2 * i]; });
    const T length = team.template sum<T>(n, [=](Index i) { return s[2 * i + 1]; });
    if (team.leader()) {
      totals[r] = weight * changed;
      totals[parts * judge_pieces + r] = weight * length;
    }
  }
};

template <class T>
struct JudgeSplitting {
  const T* totals;
  Index parts;
  std::int32_t *status, *steps;
  T *residual, *first, *trace;
  std::int32_t step;
  T tolerance, divergence;
  template <class Team>
  STILLPOINT_HD void operator()(Index, Team team) const {
    T total = T(0), squares = T(0);
    for (Index p = 0; p < parts; ++p) {
      const T changed = total_of(p, team), length = total_of(parts + p, team);
      total += square_root(changed) / (T(1e-6) + square_root(length));
      squares += length;
    }
    if (!team.leader()) return;
    if (*status == std::int32_t(SampleStatus::running)) decide(total, square_root(squares));
    *trace = *residual;
  }
  template <class Team>
  STILLPOINT_HD T total_of(Index part, Team team) const {
    const T* const pieces = totals + part * judge_pieces;
    return team.template sum<T>(judge_pieces, [=](Index i) { return pieces[i]; });
  }
  STILLPOINT_HD void decide(T total, T norm) const {
    *residual = total;
    *steps = step;
    if (*first == T(0)) *first = norm;
    if (!(total - total == T(0)) || !(norm - norm == T(0)))
      *status = std::int32_t(SampleStatus::non_finite);
    else if (total <= tolerance)
      *status = std::int32_t(SampleStatus::converged);
    else if (norm > divergence * *first)
      *status = std::int32_t(SampleStatus::diverged);
  }
};

// y = relu(x), and 0 on the frame of each (side,side) image; a row is a row of an image.
template <class T>
struct FrameRelu {
  const T* x;
  T* y;
  Index side;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const Index n = side, row = r % n;
    const T* const from = x + r * n;
    T* const to = y + r * n;
    if (row == 0 || row == n - 1) return team.each(n, [=](Index i) { to[i] = T(0); });
    team.each(n, [=](Index i) { to[i] = rectified(from[i], i == 0 || i == n - 1); });
  }
};

// Returns the weight of this rank's squares in the sum over ranks; a cotangent has that of its rank's loss.
double weight_of(const BatchShare* share, bool adjoint) {
  if (share == nullptr) return 1;
  if (adjoint) return share->weight() * share->weight();
  return share->count() > 0 ? 1 : 0;
}

Rows rows_of(const SplittingPart& p) {
  const Index width = p.u.size / (p.side * p.side);
  return {p.side, width, (width + chunk - 1) / chunk};
}

// Calls f(rows, zero of the dtype, whether it is the backward iteration).
template <class F>
void for_part(const char* name, const SplittingPart& p, F f) {
  dispatch_real(p.u.dtype, name, [&](auto zero) {
    const Rows rows = rows_of(p);
    p.z.data == nullptr ? f(rows, zero, std::false_type()) : f(rows, zero, std::true_type());
  });
}

template <class T>
const T* data_or_null(const Array& a) {
  return a.data == nullptr ? nullptr : a.as<T>();
}

template <class Body>
void each_span(const SplittingPart& p, const Rows& rows, const Body& body) {
  each_row(p.u.device, p.side * p.side * rows.chunks, std::min(chunk, rows.width), body);
}

}  // namespace

void peaceman_rachford_before(const SplittingPart& p, double a, const Array& r) {
  for_part("peaceman_rachford", p, [&](const Rows& rows, auto zero, auto backward) {
    using T = decltype(zero);
    each_span(p, rows,
              BeforeInverse<T, backward>{p.u.as<T>(), p.shift.as<T>(), data_or_null<T>(p.z), r.as<T>(), rows,
                                         T(a)});
  });
}

void peaceman_rachford_after(const SplittingPart& p, double a, const Array& v, const SplittingState& state,
                             const Array& sums) {
  for_part("peaceman_rachford", p, [&](const Rows& rows, auto zero, auto backward) {
    using T = decltype(zero);
    each_span(
        p, rows,
        AfterInverse<T, backward>{v.as<T>(), p.shift.as<T>(), data_or_null<T>(p.z),
                                  state.status.as<std::int32_t>(), p.u.as<T>(), sums.as<T>(), rows, T(a)});
  });
}

void forward_backward(const SplittingPart& p, double a, const Array& w, const SplittingState& state,
                      const Array& sums) {
  for_part("forward_backward", p, [&](const Rows& rows, auto zero, auto backward) {
    using T = decltype(zero);
    each_span(
        p, rows,
        ForwardBackward<T, backward>{w.as<T>(), p.shift.as<T>(), data_or_null<T>(p.z),
                                     state.status.as<std::int32_t>(), p.u.as<T>(), sums.as<T>(), rows, T(a)});
  });
}

void splitting_iterate(const SplittingPart& p, double a, const Array& iterate) {
  for_part("splitting_iterate", p, [&](const Rows& rows, auto zero, auto backward) {
    using T = decltype(zero);
    each_span(p, rows,
              Iterate<T, backward>{p.u.as<T>(), p.shift.as<T>(), data_or_null<T>(p.z), iterate.as<T>(), rows,
                                   T(a)});
  });
}

Index splitting_sums(Index places, Index width) { return 2 * places * ((width + chunk - 1) / chunk); }

void judge_splitting(const std::vector<Array>& sums, const SplittingRule& rule, const SplittingState& state,
                     const Array& trace) {
  require(sums.size() <= most_splitting_parts, "splitting: given ", sums.size(), " parts, expected at most ",
          most_splitting_parts, ", use fewer tiers");
  dispatch_real(trace.dtype, "judge_splitting", [&](auto zero) {
    using T = decltype(zero);
    const Index parts = Index(sums.size());
    const Index n = parts * judge_pieces;
    const Buffer buffer(trace.device, std::size_t(2 * n) * sizeof(T));
    T* const totals = static_cast<T*>(buffer.data());
    const BatchShare* const share = SharedBatch::current();
    JudgeSplittingPart<T> judge{{}, {}, parts, totals, T(weight_of(share, rule.adjoint))};
    for (std::size_t p = 0; p < sums.size(); ++p) {
      judge.sums[p] = sums[p].as<T>();
      judge.rows[p] = sums[p].size / 2;
    }
    each_row(trace.device, n, judge.rows[0] / judge_pieces, judge);
    if (share != nullptr) share->group->sum({totals, 2 * n, trace.dtype, trace.device});
    each_row(trace.device, 1, 2 * n,
             JudgeSplitting<T>{totals, parts, state.status.as<std::int32_t>(), state.steps.as<std::int32_t>(),
                               state.residual.as<T>(), state.first.as<T>(), trace.as<T>(),
                               std::int32_t(rule.step), T(rule.tolerance), T(rule.divergence)});
  });
}

void frame_relu(Index side, const Array& x, const Array& y) {
  dispatch_real(y.dtype, "frame_relu", [&](auto zero) {
    using T = decltype(zero);
    each_row(y.device, y.size / side, side, FrameRelu<T>{x.as<T>(), y.as<T>(), side});
  });
}

bool splitting_runs(const SplittingState& state) {
  std::int32_t status = 0;
  // The wait throws if a rank is lost; the copy would wait for ever.
  if (const BatchShare* const share = SharedBatch::current()) share->group->wait_for(state.status.device);
  copy_bytes(&status, Device::cpu, state.status.data, state.status.device, sizeof status);
  return status == std::int32_t(SampleStatus::running);
}

}  // namespace stillpoint::kernels
