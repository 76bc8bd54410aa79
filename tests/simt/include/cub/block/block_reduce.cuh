// Stand-in for cub::BlockReduce: thread 0 has the result, every other thread gets poison.
#pragma once
#include <cstring>
#include <type_traits>

#include "cuda_runtime.h"

namespace cub {

enum BlockReduceAlgorithm {
  BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY,
  BLOCK_REDUCE_RAKING,
  BLOCK_REDUCE_WARP_REDUCTIONS
};

template <class T, int BlockDimX, BlockReduceAlgorithm Algorithm = BLOCK_REDUCE_WARP_REDUCTIONS,
          int BlockDimY = 1, int BlockDimZ = 1>
class BlockReduce {
  static constexpr int size = BlockDimX * BlockDimY * BlockDimZ;
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  struct TempStorage {
    alignas(T) unsigned char bytes[sizeof(T) * size];
  };

  explicit BlockReduce(TempStorage& storage) : storage_(storage) {}

  template <class Op>
  T Reduce(T input, Op op, int valid = size, simt::Where where = simt::Where::current()) {
    if (int(blockDim.x) != BlockDimX || int(blockDim.y) != BlockDimY || int(blockDim.z) != BlockDimZ)
      simt::device_violation("cub::BlockReduce is for ", size, " threads, not for the shape of this block");
    const int thread = int((threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x);
    std::memcpy(storage_.bytes + std::size_t(thread) * sizeof(T), &input, sizeof(T));
    simt::block_barrier(false, where);
    T total = input;
    std::memset(static_cast<void*>(&total), 0xff, sizeof(T));
    return thread == 0 ? over_warps(op, valid) : total;
  }
  T Sum(T input, int valid = size, simt::Where where = simt::Where::current()) {
    return Reduce(
        input, [](const T& a, const T& b) { return T(a + b); }, valid, where);
  }

 private:
  T load(int i) const {
    T value;
    std::memcpy(&value, storage_.bytes + std::size_t(i) * sizeof(T), sizeof(T));
    return value;
  }
  // A tree inside each warp, the warps in order: the order of the real algorithm.
  template <class Op>
  T over_warps(Op op, int valid) const {
    T total = over_warp(op, 0, valid);
    for (int first = 32; first < valid; first += 32) total = op(total, over_warp(op, first, valid));
    return total;
  }
  template <class Op>
  T over_warp(Op op, int first, int valid) const {
    const int count = valid - first < 32 ? valid - first : 32;
    T values[32];
    for (int i = 0; i < count; ++i) values[i] = load(first + i);
    for (int step = 1; step < count; step *= 2)
      for (int i = 0; i + step < count; i += 2 * step) values[i] = op(values[i], values[i + step]);
    return values[0];
  }

  TempStorage& storage_;
};

}  // namespace cub
