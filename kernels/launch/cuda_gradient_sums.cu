// Ordered sums of partial gradients on CUDA, with the weight norm's adjoint: a block per row of a gradient.
#include "kernels/launch/cuda_gradient_sums.h"

#include "kernels/launch/launch.h"
#include "kernels/launch/optional_array.h"

namespace stillpoint::kernels {
namespace {

constexpr int threads = 512;
constexpr int most_groups = 40;  // a table stays below the 4 KiB of kernel parameters

template <class T>
struct Group {
  const T *partials, *v, *gain;  // partials: of row 0 in set 0; v and gain are null without a weight norm
  T *dw, *dg, *db;               // dg and db may be null
  Index sets, set_size, weights, pitch;

  STILLPOINT_HD Index width() const { return weights + (db == nullptr ? 0 : 1); }
};

// Block number first[g] and later ones take the rows of group g.
template <class T>
struct Groups {
  Group<T> group[most_groups];
  std::int32_t first[most_groups + 1];
  int count;

  __device__ int find(int block) const {
    int g = 0;
    while (g + 1 < count && first[g + 1] <= block) ++g;
    return g;
  }
};

// Returns to every thread the sum of `value` over the block in a fixed order. `shared` holds threads/32
// elements.
template <class T>
__device__ T block_sum(T value, T* shared) {
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  T total = T(0);
  for (int warp = 0; warp < threads / 32; ++warp) total += shared[warp];
  return total;
}

// Divides the threads into slices of the sets by elements of a row.
struct Slices {
  int width, count, slice, column;
  __device__ explicit Slices(Index row)
      : width(int(minimum<Index>((row + 31) / 32 * 32, threads))),
        count(threads / width),
        slice(int(threadIdx.x) / width),
        column(int(threadIdx.x) % width) {}
};

// Returns the sum of element `p` over all sets, in order, to threads of slice 0; all threads of the block
// call it.
template <class T>
__device__ T sum_of_sets(const Group<T>& group, const Slices& s, const T* p, bool inside, T* shared) {
  const Index begin = group.sets * s.slice / s.count, end = group.sets * (s.slice + 1) / s.count;
  T sum = T(0);
  if (inside && s.slice < s.count) {
    STILLPOINT_UNROLL(8)
    for (Index set = begin; set < end; ++set) sum += p[set * group.set_size];
  }
  shared[threadIdx.x] = sum;  // a row that takes a second pass has one slice, whose sums nobody else reads
  __syncthreads();
  for (int slice = 1; s.slice == 0 && slice < s.count; ++slice) sum += shared[slice * s.width + s.column];
  return sum;
}

// The latency of reading sets x row elements from L2 bounds it, so the sets are split into slices that
// threads read side by side.
template <class T>
__global__ void __launch_bounds__(threads) gradient_sums(const __grid_constant__ Groups<T> groups) {
  T* const shared = dynamic_shared<T>();
  const int number = groups.find(int(blockIdx.x));
  const Group<T>& group = groups.group[number];
  const Index o = Index(blockIdx.x) - groups.first[number], weights = group.weights;
  const Slices slices(group.width());
  T dot = T(0), squares = T(0);
  for (Index first = 0; first < group.width(); first += slices.width) {
    const Index e = first + slices.column;
    const T* const p = group.partials + o * group.pitch + e;
    const T sum = sum_of_sets(group, slices, p, e < group.width(), shared);
    if (slices.slice > 0 || e >= group.width()) continue;
    if (e == weights) {
      group.db[o] = sum;
      continue;
    }
    const T v = group.v == nullptr ? T(0) : group.v[o * weights + e];
    group.dw[o * weights + e] = sum;
    dot += sum * v;
    squares += v * v;
  }
  if (group.v == nullptr) return;
  dot = block_sum(dot, shared);
  squares = block_sum(squares, shared);
  const T inverse = T(1) / square_root(squares), scale = group.gain[o] * inverse;
  if (threadIdx.x == 0) group.dg[o] = dot * inverse;
  if (slices.slice > 0) return;
  for (Index e = slices.column; e < weights; e += slices.width) {
    T* const p = group.dw + o * weights + e;
    *p = scale * (*p - group.v[o * weights + e] * (dot / squares));
  }
}

template <class T>
void launch_groups(Groups<T>& groups) {
  const LaunchShape shape{dim3(unsigned(groups.first[groups.count])), dim3(threads), threads * sizeof(T)};
  if (groups.count > 0) launch("gradient_sums", gradient_sums<T>, shape, groups);
  groups.count = 0;
}

template <class T>
void launch_sums_of(const std::vector<GradientSets>& all) {
  Groups<T> groups{};
  for (const GradientSets& s : all) {
    if (s.dtype != dtype_of<T>()) continue;
    for (const GradientRows& r : s.rows) {
      if (r.rows == 0) continue;
      groups.group[groups.count] = {static_cast<const T*>(s.partials.data()) + r.start,
                                    pointer_or_null<T>(r.v),
                                    pointer_or_null<T>(r.gain),
                                    r.dw.as<T>(),
                                    pointer_or_null<T>(r.dg),
                                    pointer_or_null<T>(r.db),
                                    s.sets,
                                    s.set_size,
                                    r.weights,
                                    r.pitch};
      groups.first[groups.count + 1] = groups.first[groups.count] + std::int32_t(r.rows);
      if (++groups.count == most_groups) launch_groups(groups);
    }
  }
  launch_groups(groups);
}

}  // namespace

void launch_gradient_sums(const std::vector<GradientSets>& sets) {
  launch_sums_of<float>(sets);
  launch_sums_of<double>(sets);
}

}  // namespace stillpoint::kernels
