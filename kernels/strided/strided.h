// Gathers and sums over strided views: broadcasting, permutation, slices, zero padding, reductions.
#pragma once
#include <array>
#include <vector>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

inline constexpr int max_rank = 6;

// A view of rank `rank` into a contiguous array: element (i_0..i_r) is at offset + sum i_k stride_k.
struct View {
  int rank = 0;
  std::array<std::int64_t, max_rank> size{}, stride{};
  std::int64_t offset = 0;
};

// y[i] = x[view(i)], y contiguous; a stride of 0 repeats.
void gather(const Array& x, const View& view, const Array& y);
// y = 0, then y[view(i)] = x[i]; the view must not repeat an element.
void scatter(const Array& x, const View& view, const Array& y);
// The same, but what the view leaves out keeps its value.
void place(const Array& x, const View& view, const Array& y);
// y[i] = sum_j x[outer(i) + inner(j)], in a fixed order that does not depend on the number of threads.
void sum_strided(const Array& x, const View& outer, const View& inner, const Array& y);
// y (1) = scale * sum of x.
void sum(const Array& x, const Array& y, double scale = 1);

}  // namespace stillpoint::kernels
